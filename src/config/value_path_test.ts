import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatValuePath,
  parseValuePath,
  readValuePath,
  reservedNames,
  type ValuePath,
  ValuePathError,
} from "./value_path.ts";

function segments(text: string): readonly (string | number)[] {
  const path = parseValuePath(text);
  assert.equal(path.kind, "object");
  return path.kind === "object" ? path.segments : [];
}

Deno.test("parseValuePath reads keys, positions and quoted keys", () => {
  assert.deepEqual(segments("temperature"), ["temperature"]);
  assert.deepEqual(segments("channels[2].value"), ["channels", 2, "value"]);
  assert.deepEqual(segments('["Battery Status"]'), ["Battery Status"]);
  assert.deepEqual(segments('["a.b"]["c\\"d"][0][1].e'), ["a.b", 'c"d', 0, 1, "e"]);
  assert.deepEqual(segments("température_°C.pm2_5%"), ["température_°C", "pm2_5%"]);
  assert.deepEqual(segments("a.$x.0"), ["a", "$x", "0"]);
  assert.deepEqual(segments('["$x"]'), ["$x"]);
});

Deno.test("parseValuePath reads every reserved name and no other '$' name", () => {
  for (const name of reservedNames) assert.deepEqual(parseValuePath(name), { kind: "reserved", name });
  assert.throws(() => parseValuePath("$rsi"), ValuePathError);
  assert.throws(() => parseValuePath("$rssi.x"), ValuePathError);
});

Deno.test("parseValuePath names the first wrong character", () => {
  const at: [string, number][] = [
    ["", 0],
    [".a", 0],
    ["[0]", 0],
    ["a.", 1],
    ["a..b", 1],
    ["a[", 1],
    ["a[-1]", 1],
    ["a[01]", 1],
    ["a[1234567]", 1],
    ["a['b']", 1],
    ['a["b]', 1],
    ['a["b"]c', 6],
    ["Battery Status", 7],
    ["a b", 1],
    ["a\u0000", 1],
  ];
  for (const [text, position] of at) {
    assert.throws(
      () => parseValuePath(text),
      (error) => error instanceof ValuePathError && error.position === position,
      text,
    );
  }
});

Deno.test("parseValuePath throws nothing but its own error, and what it accepts keeps its meaning when formatted", () => {
  const pathLike = fc.array(
    fc.constantFrom(
      "a",
      "é",
      ".",
      "[",
      "]",
      "0",
      "12",
      '"',
      "'",
      "\\",
      "\\u0041",
      " ",
      "$",
      "$rssi",
      "\n",
      "\u{1f600}",
    ),
  ).map((parts) => parts.join(""));
  fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), pathLike), (text) => {
    let path: ValuePath;
    try {
      path = parseValuePath(text);
    } catch (error) {
      assert.ok(error instanceof ValuePathError);
      assert.ok(error.position >= 0 && error.position <= text.length);
      return;
    }
    assert.deepEqual(parseValuePath(formatValuePath(path)), path);
  }));
});

Deno.test("formatValuePath gives a text that reads back as the same path, for any keys", () => {
  const key = fc.string({ unit: "binary", maxLength: 12 });
  fc.assert(
    fc.property(key, fc.array(fc.oneof(key, fc.nat(999_999)), { maxLength: 6 }), (first, rest) => {
      const path: ValuePath = { kind: "object", segments: [first, ...rest] };
      assert.deepEqual(parseValuePath(formatValuePath(path)), path);
    }),
  );
});

Deno.test("readValuePath finds every leaf of any object by the path to it", () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (object) => {
    const walk = (value: unknown, at: (string | number)[]) => {
      const [first, ...rest] = at;
      if (typeof first === "string") {
        const path = parseValuePath(formatValuePath({ kind: "object", segments: [first, ...rest] }));
        assert.ok(path.kind === "object");
        assert.deepEqual(readValuePath(path, object), value);
      }
      if (Array.isArray(value)) value.forEach((item, index) => walk(item, [...at, index]));
      else if (typeof value === "object" && value !== null) {
        for (const [key, item] of Object.entries(value)) walk(item, [...at, key]);
      }
    };
    walk(object, []);
  }));
});

Deno.test("readValuePath answers undefined where the path leads nowhere", () => {
  const read = (text: string, object: unknown) => {
    const path = parseValuePath(text);
    assert.ok(path.kind === "object");
    return readValuePath(path, object);
  };
  const object = { list: [1, 2], text: "abc", none: null, nested: { "0": "key" } };
  assert.equal(read("list[1]", object), 2);
  assert.equal(read("nested.0", object), "key");
  assert.equal(read("none", object), null);
  for (
    const text of ["list[2]", "list.0", "list.length", "text.length", "text[0]", "none.a", "nested[0]", "missing.a"]
  ) {
    assert.equal(read(text, object), undefined, text);
  }
  // inherited names are not data
  for (const text of ["constructor", "__proto__", "toString.name", "list.map"]) {
    assert.equal(read(text, object), undefined, text);
  }
  for (const other of [null, undefined, 3, "x", [1]]) assert.equal(read("a", other), undefined);
});
