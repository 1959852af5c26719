import assert from "node:assert/strict";
import fc from "fast-check";
import { integerLimits, parsePayloadTemplate, type Placeholder, placeholderTypes } from "../config/payload_template.ts";
import type { ArgumentValue } from "./commands.ts";
import { makePayload, PayloadError } from "./make_payload.ts";

const args = [{ name: "a", type: "Float" as const, min: null, max: null, values: null, unit: "" }];

function bytes(template: string, values: Record<string, ArgumentValue>): string {
  const payload = makePayload({ payload: { kind: "bytes", template }, arguments: args }, values);
  assert.ok("data" in payload);
  return payload.data.toHex();
}

/** What stands in the bytes, read by other means than it was written. */
function decode(type: string, data: Uint8Array): number {
  const [, kind = "", size = "", order] = /^([uif])(\d+)(be|le)?$/.exec(type) ?? [];
  const ordered = order === "le" ? data.toReversed() : data;
  if (kind === "f") {
    const view = new DataView(Uint8Array.from(ordered).buffer);
    return size === "32" ? view.getFloat32(0) : view.getFloat64(0);
  }
  const raw = BigInt(`0x${Uint8Array.from(ordered).toHex()}`);
  return Number(kind === "i" ? BigInt.asIntN(Number(size), raw) : raw);
}

const integers = placeholderTypes.filter((type) => /^[ui]/.test(type) && type !== "utf8");

function placeholderOf(type: string): Placeholder {
  const [part] = parsePayloadTemplate(`{a:${type}}`);
  assert.ok(part !== undefined && "placeholder" in part);
  return part.placeholder;
}

Deno.test("every whole number that an integer type holds comes back, and no other is taken", () => {
  for (const type of integers) {
    const { format } = placeholderOf(type);
    assert.ok(format.kind === "integer");
    const [low, high] = integerLimits(format);
    const edges = [low, low + 1, -1, 0, 1, high - 1, high].filter((n) => n >= low && n <= high);
    for (const n of edges) assert.equal(decode(type, Uint8Array.fromHex(bytes(`{a:${type}}`, { a: n }))), n, type);
    fc.assert(fc.property(fc.integer({ min: low, max: high }), (n) => {
      assert.equal(decode(type, Uint8Array.fromHex(bytes(`{a:${type}}`, { a: n }))), n);
    }));
    for (const n of [low - 1, high + 1, high * 2 + 2, Number.MAX_SAFE_INTEGER, 0.5, low + 0.5]) {
      assert.throws(() => bytes(`{a:${type}}`, { a: n }), PayloadError, `${type} takes ${n}`);
    }
  }
});

Deno.test("floats come back as far as they are held, and never as infinity", () => {
  for (const type of ["f32be", "f32le", "f64be", "f64le"]) {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (n) => {
      const held = type.startsWith("f32") ? Math.fround(n) : n;
      if (!Number.isFinite(held)) assert.throws(() => bytes(`{a:${type}}`, { a: n }), PayloadError);
      else if (Number.isInteger(n) && held !== n) assert.throws(() => bytes(`{a:${type}}`, { a: n }), PayloadError);
      else assert.ok(Object.is(decode(type, Uint8Array.fromHex(bytes(`{a:${type}}`, { a: n }))), held));
    }));
  }
  assert.throws(() => bytes("{a:f32be}", { a: 16_777_217 }), /whole numbers/);
});

Deno.test("a scaled value comes back within half of what its last digit means, and what lies between steps is refused", () => {
  const digits = fc.integer({ min: 0, max: 4 });
  fc.assert(fc.property(digits, fc.integer({ min: -2_147_483_648, max: 2_147_483_647 }), (digit, raw) => {
    const scale = 10 ** digit;
    // as people write it: 21.7, not 21.700000000000003
    const value = Number((raw / scale).toFixed(digit));
    assert.equal(decode("i32be", Uint8Array.fromHex(bytes(`{a:i32be*${scale}}`, { a: value }))), raw);
  }));
  assert.equal(bytes("{a:i16be*10}", { a: 21.7 }), "00d9");
  assert.equal(bytes("{a:u8*0.5}", { a: 10 }), "05");
  assert.equal(bytes("{a:u8*-1}", { a: -3 }), "03");
  assert.throws(() => bytes("{a:i16be*10}", { a: 21.75 }), /steps of 0\.1: current value is 21\.75/);
  assert.throws(() => bytes("{a:u8*0.5}", { a: 11 }), /steps of 2/);
  assert.throws(() => bytes("{a:u16be*100}", { a: 655.36 }), /0 to 655\.35/);
});

Deno.test("fixed bytes, several arguments, text and blanks stand where the template says", () => {
  assert.equal(bytes("01 {a:u8} ff{b:u16le} {c:bool}", { a: 2, b: 0x1234, c: true }), "0102ff341201");
  assert.equal(bytes("{ a : u8 }{a:u8}", { a: 7 }), "0707");
  assert.equal(bytes("{a:ascii}", { a: "Hi" }), "4869");
  assert.equal(bytes("{a:utf8[4]}", { a: "é" }), "c3a90000");
  assert.throws(() => bytes("{a:ascii}", { a: "é" }), PayloadError);
  assert.throws(() => bytes("{a:utf8[1]}", { a: "é" }), /at most 1 bytes/);
  assert.throws(() => bytes("{a:utf8[4]}", { a: "a\0" }), /zero byte/);
  assert.throws(() => bytes("{a:utf8}", { a: "\ud800" }), /half a character/);
  assert.throws(() => bytes("01{a:utf8}", { a: "x".repeat(222) }), /223 bytes, and at most 222/);
  assert.equal(bytes("{a:utf8}", { a: "x".repeat(222) }).length, 444);
});

Deno.test("a text of a fixed width comes back", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), (text) => {
    const data = new TextEncoder().encode(text);
    if (data.length > 32 || text.includes("\0")) return;
    const back = Uint8Array.fromHex(bytes("{a:utf8[32]}", { a: text }));
    assert.equal(back.length, 32);
    assert.equal(new TextDecoder("utf-8", { ignoreBOM: true }).decode(back).replace(/\0+$/, ""), text);
  }));
});

Deno.test("byte and valve are one byte", () => {
  const one = (kind: "byte" | "valve", value: ArgumentValue) => {
    const payload = makePayload({
      payload: { kind },
      arguments: [{ name: "value", type: "Int", min: null, max: null, values: null, unit: "" }],
    }, { value });
    return "data" in payload ? payload.data.toHex() : null;
  };
  assert.deepEqual([one("byte", 255), one("byte", 0), one("valve", true), one("valve", false)], [
    "ff",
    "00",
    "01",
    "00",
  ]);
  assert.throws(() => one("byte", 256), /0 to 255/);
  assert.throws(() => one("byte", -1), PayloadError);
});

Deno.test("an object keeps the type of a value that stands alone, and writes others into their text", () => {
  const template = {
    valve: "{a}",
    list: [1, "{b}", null, true],
    text: "at {a} of {b}",
    "{a}": "{{a}}",
    deep: { __proto: "{c}" },
  };
  const payload = makePayload({ payload: { kind: "object", template }, arguments: args }, { a: 3, b: "x", c: false });
  assert.deepEqual(payload, {
    object: { valve: 3, list: [1, "x", null, true], text: "at 3 of x", "{a}": "{a}", deep: { __proto: false } },
  });
});

Deno.test("values cannot become anything but values in an object", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    const payload = makePayload({ payload: { kind: "object", template: { v: "{a}", t: "<{a}>" } }, arguments: args }, {
      a: text,
    });
    assert.deepEqual(payload, { object: { v: text, t: `<${text}>` } });
  }));
});
