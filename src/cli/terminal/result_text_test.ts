import assert from "node:assert/strict";
import { itemText, resultText } from "./result_text.ts";

Deno.test("values stand beside their names, lists of objects in tables, longer texts as they are", () => {
  const text = resultText({
    name: "north",
    count: 3,
    none: null,
    hosts: ["a", "b"],
    empty: [],
    users: [{ name: "ann", role: "admin" }, { name: "bo", role: "viewer" }],
    file: "a = 1\nb = 2\n",
    inner: { ok: true },
  });
  assert.equal(
    text,
    `name:  north
count: 3
none:  -
hosts: a, b
empty: none
users:
  NAME  ROLE
  ann   admin
  bo    viewer
file:
  a = 1
  b = 2
inner:
  ok: true
`,
  );
  assert.equal(resultText({}), "done\n");
});

Deno.test("a table leaves out what is empty, and becomes a list where the terminal is too narrow for it", () => {
  const rows = {
    items: [{ text: "one two three", id: 1, none: null, hash: "ff" }, { text: "", id: 2, inner: { a: [{ b: 1 }] } }],
  };
  assert.equal(
    resultText(rows),
    `items:\n  ID  TEXT           INNER\n  1   one two three  -\n  2                  {"a":[{"b":1}]}\n`,
  );
  assert.equal(
    resultText(rows, 20),
    `items:
  - id:   1
    text: one two three
  - id: 2
    inner:
      a:
        B
        1
`,
  );
});

Deno.test("what a device sends cannot reach the terminal's controls", () => {
  const evil = "\x1b]0;owned\x07\x9b31m";
  for (const text of [resultText({ a: evil, [evil]: 1, list: [{ b: evil }] }), itemText({ a: evil }), itemText(evil)]) {
    assert.doesNotMatch(text.replaceAll("\n", ""), /\p{Cc}/u);
  }
});

Deno.test("a stream's item is one line", () => {
  assert.equal(
    itemText({ sequence: 1, time: "2026-01-01T00:00:00.000000Z", level: "info", event: "x", subject: "s", text: "t" }),
    "2026-01-01T00:00:00.000000Z  info     s  t\n",
  );
  assert.equal(
    itemText({
      changes: [{ id: "a/b", value: 1, quality: { name: "Good", severity: "good" }, sourceTime: null }],
      removed: ["c/d"],
    }),
    "-  a/b  1  Good\nremoved  c/d\n",
  );
});
