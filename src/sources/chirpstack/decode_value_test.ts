import assert from "node:assert/strict";
import fc from "fast-check";
import { Quality } from "../../tags/quality.ts";
import { decodeValue, type ValueShape } from "./decode_value.ts";

const plain = { name: "m", scale: 1, offset: 0 } as const;
const float: ValueShape = { ...plain, type: "Float", dataType: "Double" };
const int: ValueShape = { ...plain, type: "Int", dataType: "Int64" };
const bool: ValueShape = { ...plain, type: "Bool", dataType: "Boolean" };
const text: ValueShape = { ...plain, type: "String", dataType: "String" };

function value(raw: unknown, shape: ValueShape) {
  const decoded = decodeValue(raw, shape);
  assert.ok(decoded.ok, decoded.ok ? "" : decoded.cause);
  return decoded.value;
}
function refusal(raw: unknown, shape: ValueShape) {
  const decoded = decodeValue(raw, shape);
  assert.ok(!decoded.ok, `${String(raw)} was taken`);
  return decoded;
}

Deno.test("Float takes numbers and numbers in text", () => {
  assert.equal(value(20, float), 20);
  assert.equal(value(5.550000000000001, float), 5.550000000000001);
  assert.equal(value("24.59", float), 24.59);
  assert.equal(value("30°C", float), 30);
  assert.equal(value("30.11 °C", float), 30.11);
});

Deno.test("Int takes whole numbers only", () => {
  assert.equal(value(20.0, int), 20);
  assert.equal(value("24", int), 24);
  assert.equal(value("24.0", int), 24);
  assert.equal(refusal(24.5, int).quality, Quality.BadDecodingError);
  assert.match(refusal("24.59", int).cause, /not a whole number: current value is "24\.59"/);
});

Deno.test("an integer that a double cannot hold exactly is out of range and never rounded", () => {
  assert.equal(value(Number.MAX_SAFE_INTEGER, int), 9007199254740991);
  assert.equal(value(Number.MIN_SAFE_INTEGER, int), -9007199254740991);
  for (const raw of [2 ** 53, -(2 ** 53), 1e300, JSON.parse("9007199254740993"), "9007199254740993", "1e+300"]) {
    assert.equal(refusal(raw, int).quality, Quality.BadOutOfRange, String(raw));
  }
});

Deno.test("a number beyond its data type is out of range", () => {
  const limits = [
    ["Int16", -32768, 32767],
    ["UInt16", 0, 65535],
    ["Int32", -2147483648, 2147483647],
    ["UInt32", 0, 4294967295],
  ] as const;
  for (const [dataType, low, high] of limits) {
    const shape: ValueShape = { ...int, dataType };
    assert.equal(value(low, shape), low);
    assert.equal(value(high, shape), high);
    assert.equal(refusal(low - 1, shape).quality, Quality.BadOutOfRange);
    assert.equal(refusal(high + 1, shape).quality, Quality.BadOutOfRange);
  }
  const single: ValueShape = { ...float, dataType: "Float" };
  assert.equal(value(3.4e38, single), 3.4e38);
  assert.equal(refusal(3.5e38, single).quality, Quality.BadOutOfRange);
  assert.equal(refusal(JSON.parse("1e999"), float).quality, Quality.BadOutOfRange);
  assert.equal(refusal(21.5, { ...float, dataType: "Int16" }).quality, Quality.BadDecodingError);
});

Deno.test("scale and offset apply to numbers, without the noise of the multiplication", () => {
  assert.equal(value(3, { ...float, scale: 0.1 }), 0.3);
  assert.equal(value(215, { ...float, scale: 0.1, offset: -40 }), -18.5);
  assert.equal(value("100 W", { ...float, scale: 0.001 }), 0.1);
  assert.equal(value(235, { ...int, scale: 10 }), 2350);
  assert.equal(value(30, { ...int, scale: 0.1 }), 3);
  assert.equal(refusal(31, { ...int, scale: 0.1 }).quality, Quality.BadDecodingError);
  assert.equal(refusal(2 ** 52, { ...int, scale: 10 }).quality, Quality.BadOutOfRange);
  assert.equal(refusal(1e308, { ...float, scale: 10 }).quality, Quality.BadOutOfRange);
});

Deno.test("Bool takes truth values, 0 and 1, and the words that mean the same everywhere", () => {
  for (const raw of [true, 1, "true", "TRUE", "on", "On", "yes", "1", " on "]) assert.equal(value(raw, bool), true);
  for (const raw of [false, 0, -0, "false", "FALSE", "off", "no", "0"]) assert.equal(value(raw, bool), false);
});

Deno.test("Bool refuses words whose sense depends on the device, and every other value", () => {
  for (const raw of ["open", "closed", "H", "L", "low", "normal", "alarm", "", " ", "null", 2, -1, 0.5, NaN, {}, []]) {
    assert.equal(refusal(raw, bool).quality, Quality.BadDecodingError, String(raw));
  }
});

Deno.test("String takes text, and numbers and truth values as text", () => {
  assert.equal(value("CHARGING", text), "CHARGING");
  assert.equal(value("", text), "");
  assert.equal(value("021728031819", text), "021728031819");
  assert.equal(value(94, text), "94");
  assert.equal(value(true, text), "true");
  assert.equal(value("\ud800", text), "\ufffd");
  for (const raw of [{}, [], [1], "x".repeat(8193)]) assert.equal(refusal(raw, text).quality, Quality.BadDecodingError);
});

Deno.test("numbers refuse what Number() would turn into one", () => {
  for (
    const raw of ["", " ", "0x10", "021728031819", "6745e27566240008", "1,5", "9:15", "NaN", true, false, [], [5], {}]
  ) {
    assert.equal(refusal(raw, float).quality, Quality.BadDecodingError, JSON.stringify(raw));
    assert.equal(refusal(raw, int).quality, Quality.BadDecodingError, JSON.stringify(raw));
  }
});

Deno.test("a cause names metric, type and value in one short line", () => {
  assert.equal(
    refusal("CHARGING", float).cause,
    `Cannot read 'm' as Float as the text is no number: current value is "CHARGING"`,
  );
  const { cause } = refusal("a\n\u007f" + "b".repeat(500), int);
  assert.ok(cause.length < 160);
  assert.doesNotMatch(cause, /\p{Cc}/u);
});

Deno.test("any JSON value gives a value of the declared type or a cause", () => {
  const types = { Float: "number", Int: "number", Bool: "boolean", String: "string" } as const;
  const shape = fc.record({
    name: fc.constant("m"),
    type: fc.constantFrom("Float", "Int", "Bool", "String"),
    dataType: fc.constantFrom("Double", "Float", "Int16", "UInt16", "Int32", "UInt32", "Int64"),
    scale: fc.oneof(fc.constant(1), fc.double({ noNaN: true, min: -1e6, max: 1e6 })),
    offset: fc.oneof(fc.constant(0), fc.double({ noNaN: true, min: -1e6, max: 1e6 })),
  }) as fc.Arbitrary<ValueShape>;
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.double(), fc.string({ unit: "binary" })), shape, (raw, shape) => {
      const decoded = decodeValue(raw, shape);
      if (!decoded.ok) {
        assert.ok(decoded.quality === Quality.BadDecodingError || decoded.quality === Quality.BadOutOfRange);
        assert.ok(decoded.cause.length > 0);
        return;
      }
      assert.equal(typeof decoded.value, types[shape.type]);
      if (typeof decoded.value === "number") assert.ok(Number.isFinite(decoded.value));
      if (shape.type === "Int") assert.ok(Number.isSafeInteger(decoded.value));
    }),
    { numRuns: 2000 },
  );
});
