import assert from "node:assert/strict";
import type { ArgumentView } from "../operate_answers.ts";
import { argumentValue } from "./argument_value.ts";

const of = (type: ArgumentView["type"], values: ArgumentView["values"] = null): ArgumentView => ({
  name: "value",
  type,
  min: null,
  max: null,
  values,
  unit: "",
});

Deno.test("what is filled in becomes the argument's type, or nothing", () => {
  assert.equal(argumentValue(of("Bool"), "true"), true);
  assert.equal(argumentValue(of("Bool"), "false"), false);
  assert.equal(argumentValue(of("Int"), " 40 "), 40);
  assert.equal(argumentValue(of("Int"), "4.5"), null);
  assert.equal(argumentValue(of("Int"), "9007199254740993"), null);
  assert.equal(argumentValue(of("Float"), "21,5"), 21.5);
  assert.equal(argumentValue(of("Float"), ""), null);
  assert.equal(argumentValue(of("Float"), "1e999"), null);
  assert.equal(argumentValue(of("Float"), "open"), null);
  assert.equal(argumentValue(of("String"), " open "), " open ");
  assert.equal(argumentValue(of("String", ["open", "close"]), "open"), "open");
  assert.equal(argumentValue(of("String", ["open", "close"]), "ajar"), null);
});
