import assert from "node:assert/strict";
import fc from "fast-check";
import { fromSingle } from "./single_float.ts";

Deno.test("the digits that widening a 32-bit float adds are taken away", () => {
  assert.equal(fromSingle(Math.fround(21.3)), 21.3);
  assert.equal(fromSingle(Math.fround(-0.001)), -0.001);
  assert.equal(fromSingle(Math.fround(1013.25)), 1013.25);
  assert.equal(fromSingle(0.0008544921875), 0.0008544922);
  assert.equal(fromSingle(16_777_217), 16_777_217);
  assert.equal(fromSingle(Infinity), Infinity);
  assert.ok(Number.isNaN(fromSingle(NaN)));
});

Deno.test("the number stays the same 32-bit float", () => {
  fc.assert(fc.property(fc.float({ noNaN: true }), (value) => {
    assert.equal(Math.fround(fromSingle(value)), value);
  }));
});
