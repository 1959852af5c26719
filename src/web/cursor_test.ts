import assert from "node:assert/strict";
import fc from "fast-check";
import { makeCursor, readCursor } from "./cursor.ts";
import { Problem } from "./problem.ts";

Deno.test("a cursor gives back its position", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.maxSafeInteger(), (text, number) => {
      const cursor = makeCursor("list", text, number);
      assert.match(cursor, /^[A-Za-z0-9_-]+$/);
      assert.deepEqual(readCursor("list", cursor), [text, number]);
    }),
  );
});

Deno.test("a cursor of another list and any other text are refused as bad_cursor", () => {
  const refused = (cursor: string) =>
    assert.throws(() => readCursor("list", cursor), (error) => error instanceof Problem && error.code === "bad_cursor");
  refused(makeCursor("other", "a"));
  refused(btoa('["list",{"a":1}]'));
  fc.assert(fc.property(fc.string(), refused));
});
