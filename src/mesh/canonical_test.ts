import assert from "node:assert/strict";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { canonicalText, parseCanonical } from "./canonical.ts";
import { maxDepth } from "./constants.ts";
import { MeshError } from "./mesh_error.ts";

const form = { name: "MeshError", code: "E_FORM" };

/** Values as signed texts hold them, with names that sort badly: digits, escapes, other planes. */
const name = fc.oneof(
  fc.string({ unit: "binary", maxLength: 4 }),
  fc.constantFrom("10", "9", "a", "Z", "\ufb33", "😀", ""),
)
  .filter((text) => text.isWellFormed() && text !== "__proto__");
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
    fc.nat(Number.MAX_SAFE_INTEGER),
    fc.boolean(),
    fc.array(tie("any"), { maxLength: 4 }),
    fc.dictionary(name, tie("any"), { maxKeys: 5 }),
  ),
})).any;
const object = fc.dictionary(name, value, { maxKeys: 6 });

Deno.test("texts are those of the RFC 8785 library, sorted beforehand or not", () => {
  fc.assert(fc.property(object, (members) => {
    const text = canonicalText(members);
    assert.equal(text, canonicalize(members));
    assert.equal(canonicalText(JSON.parse(text)), text);
  }));
});

Deno.test("a canonical text is read, and what was read gives the text", () => {
  fc.assert(fc.property(object, (members) => {
    const text = canonicalText(members);
    assert.deepEqual(canonicalText(parseCanonical(text, 1e6)), text);
  }));
});

Deno.test("members that are undefined count as absent", () => {
  assert.equal(canonicalText({ b: 1, a: undefined, c: { d: undefined } }), '{"b":1,"c":{}}');
  assert.throws(() => canonicalText([undefined]), form);
  assert.throws(() => canonicalText(undefined), form);
});

Deno.test("a value that no signed text may hold is refused when it is written", () => {
  const circle: Record<string, unknown> = {};
  circle.circle = circle;
  const values = [
    null,
    1.5,
    -1,
    -0,
    2 ** 53,
    NaN,
    Infinity,
    "\ud800",
    { "\udc00": 1 },
    1n,
    () => 1,
    Symbol("s"),
    circle,
  ];
  for (const bad of values) {
    assert.throws(() => canonicalText({ bad }), form);
    assert.throws(() => canonicalText([[bad]]), form);
  }
  assert.throws(() => canonicalText(JSON.parse('{"__proto__":1}')), form);
  assert.equal(canonicalText([2 ** 53 - 1, 0, true, ""]), '[9007199254740991,0,true,""]');
});

Deno.test("every other spelling of the same value is refused", () => {
  assert.deepEqual(parseCanonical('{"a":1,"b":["x"]}', 100), { a: 1, b: ["x"] });
  const texts = [
    '{"b":["x"],"a":1}',
    '{"a":1, "b":["x"]}',
    ' {"a":1}',
    '{"a":1}\n',
    '\ufeff{"a":1}',
    '{"a":1.0}',
    '{"a":1e0}',
    '{"a":01}',
    '{"a":-0}',
    '{"a":9007199254740992}',
    '{"a":9007199254740993}',
    '{"a":null}',
    '{"a":"\\u0041"}',
    '{"a":"\\/"}',
    '{"a":"\\u000A"}',
    '{"a":"\\ud800"}',
    '{"a":1,"a":1}',
    '{"a":2,"a":1}',
    '{"9":1,"10":2}',
    '{"__proto__":{"a":1}}',
    '{"a":1}{"a":1}',
    '{"a":1',
    "[1]",
    '"a"',
    "1",
    "null",
    "",
  ];
  for (const text of texts) assert.throws(() => parseCanonical(text, 1000), form, text);
  assert.deepEqual(parseCanonical('{"10":2,"9":1}', 100), { 9: 1, 10: 2 });
});

Deno.test("nesting is counted before parsing, not within strings", () => {
  const nested = (levels: number) => `{"a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
  assert.ok(parseCanonical(nested(maxDepth), 1000));
  assert.throws(() => parseCanonical(nested(maxDepth + 1), 1000), form);
  assert.throws(() => canonicalText(JSON.parse(nested(maxDepth + 1))), form);
  assert.throws(() => parseCanonical("[".repeat(4_000_000), 4_194_304), form);
  assert.ok(parseCanonical(`{"a":"${"[{".repeat(100)}\\"${"[".repeat(50)}"}`, 1000));
});

Deno.test("size is counted in bytes of UTF-8, before anything else", () => {
  const text = '{"a":"€€"}';
  assert.ok(parseCanonical(text, 14));
  assert.throws(() => parseCanonical(text, 13), { name: "MeshError", code: "E_SIZE" });
  assert.throws(() => parseCanonical("[".repeat(101), 100), { name: "MeshError", code: "E_SIZE" });
});

Deno.test("whatever text comes in, the answer is a canonical object or a MeshError", () => {
  const almost = fc.tuple(object, fc.nat(), fc.string({ unit: "binary", maxLength: 3 })).map(
    ([members, at, insert]) => {
      const text = canonicalText(members);
      const place = at % (text.length + 1);
      return text.slice(0, place) + insert + text.slice(place + (at % 3));
    },
  );
  fc.assert(
    fc.property(fc.oneof(almost, fc.string({ unit: "binary" }), fc.json()), (text) => {
      try {
        assert.equal(canonicalize(parseCanonical(text, 1000)), text);
      } catch (error) {
        if (!(error instanceof MeshError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
