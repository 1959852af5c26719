import assert from "node:assert/strict";
import { DataType, Variant, VariantArrayType } from "node-opcua";
import type { CommandArgument, CommandDefinition } from "../../config/command_definition.ts";
import { int64Words } from "../space/data_values.ts";
import { commandForm, givenValue, rangeOf } from "./command_value.ts";

function argument(differences: Partial<CommandArgument> = {}): CommandArgument {
  return { name: "value", type: "Int", min: null, max: null, values: null, unit: "", ...differences };
}

function definition(args: readonly CommandArgument[], kind: "byte" | "valve" | "bytes" = "bytes"): CommandDefinition {
  return {
    devEui: "02ed9ee000000003",
    deviceName: "Valve 1",
    id: 1,
    name: "Level",
    fPort: 1,
    confirmed: true,
    payload: kind === "bytes" ? { kind, template: "{value:u8}" } : { kind },
    arguments: args,
    deadlineMs: 1000,
    enabled: true,
  };
}

function typeOf(differences: Partial<CommandArgument>, kind?: "byte" | "valve"): string {
  const form = commandForm(definition([argument(differences)], kind));
  assert.equal(form.kind, "value");
  return form.kind === "value" ? form.dataType : "";
}

Deno.test("the type is the smallest that holds the range, and says nothing that the configuration does not", () => {
  assert.equal(typeOf({}), "Int64");
  assert.equal(typeOf({ min: 0 }), "Int64");
  assert.equal(typeOf({ min: 0, max: 32_767 }), "Int16");
  assert.equal(typeOf({ min: -32_769, max: 0 }), "Int32");
  assert.equal(typeOf({ min: 0, max: 2_147_483_648 }), "Int64");
  assert.equal(typeOf({}, "byte"), "Int16");
  assert.equal(typeOf({ type: "Bool" }, "valve"), "Boolean");
  assert.equal(typeOf({ type: "Float", min: 0, max: 1 }), "Double");
  assert.equal(typeOf({ type: "String", max: 8 }), "String");
});

Deno.test("a range needs both sides, and is that of numbers only", () => {
  const range = (one: Partial<CommandArgument>, kind?: "byte") => rangeOf(argument(one), definition([], kind));
  assert.equal(range({ min: 0 }), null);
  assert.equal(range({ type: "String", min: 1, max: 8 }), null);
  assert.deepEqual(range({ type: "Float", min: -1.5, max: 2 }), { low: -1.5, high: 2 });
  assert.deepEqual(range({ max: 100 }, "byte"), { low: 0, high: 100 });
});

Deno.test("a command with no values is a trigger, one with several is sent by its method", () => {
  assert.equal(commandForm(definition([])).kind, "trigger");
  assert.equal(commandForm(definition([argument(), argument({ name: "other" })])).kind, "method");
});

Deno.test("only a scalar of the very type is taken", () => {
  const status = (variant: Variant, type: Parameters<typeof givenValue>[1]) => {
    const given = givenValue(variant, type);
    return given.ok ? given.value : given.status.name;
  };
  const scalar = (dataType: DataType, value: unknown) =>
    new Variant({ dataType, arrayType: VariantArrayType.Scalar, value });
  assert.equal(status(scalar(DataType.Boolean, true), "Boolean"), true);
  assert.equal(status(scalar(DataType.Int16, -5), "Int16"), -5);
  assert.equal(status(scalar(DataType.String, null), "String"), "");
  assert.equal(status(scalar(DataType.Double, 0.5), "Double"), 0.5);
  assert.equal(status(scalar(DataType.Double, NaN), "Double"), "BadOutOfRange");
  assert.equal(status(scalar(DataType.Double, Infinity), "Double"), "BadOutOfRange");
  assert.equal(status(scalar(DataType.Int32, 1), "Int16"), "BadTypeMismatch");
  assert.equal(status(scalar(DataType.Byte, 1), "Boolean"), "BadTypeMismatch");
  assert.equal(status(new Variant({ dataType: DataType.Null }), "Boolean"), "BadTypeMismatch");
  const list = new Variant({ dataType: DataType.Int16, arrayType: VariantArrayType.Array, value: [1] });
  assert.equal(status(list, "Int16"), "BadTypeMismatch");
});

Deno.test("an Int64 is exact within 2^53 and refused beyond", () => {
  const given = (words: [number, number]) =>
    givenValue(new Variant({ dataType: DataType.Int64, arrayType: VariantArrayType.Scalar, value: words }), "Int64");
  for (const value of [0, 1, -1, 4_294_967_296, -4_294_967_297, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
    assert.deepEqual(given(int64Words(value)), { ok: true, value });
  }
  for (const words of [[0x0020_0000, 0], [0x8000_0000, 0], [0x7fff_ffff, 0xffff_ffff]] as [number, number][]) {
    const refused = given(words);
    assert.equal(refused.ok ? "" : refused.status.name, "BadOutOfRange");
  }
});
