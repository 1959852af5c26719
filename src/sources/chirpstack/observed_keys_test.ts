import assert from "node:assert/strict";
import fc from "fast-check";
import { parseValuePath, readValuePath } from "../../config/value_path.ts";
import { ObservedKeys } from "./observed_keys.ts";

Deno.test("the newest value of each key is shown, keys of all ports together", () => {
  const keys = new ObservedKeys();
  keys.take({ a: 1, list: [{ b: "x" }] }, 10);
  keys.take({ c: true, a: "now text" }, 30);
  keys.take({ a: 2 }, 20);
  assert.deepEqual(keys.list(), [
    { path: "a", type: "string", example: '"now text"', lastSeenUs: 30 },
    { path: "list[0].b", type: "string", example: '"x"', lastSeenUs: 10 },
    { path: "c", type: "boolean", example: "true", lastSeenUs: 30 },
  ]);
});

Deno.test("a device that invents keys fills no memory", () => {
  const keys = new ObservedKeys();
  for (let n = 0; n < 2000; n++) keys.take({ [`key${n}`]: "v".repeat(1000) }, n);
  assert.equal(keys.list().length, 500);
  assert.ok(keys.list().every(({ example }) => example.length <= 64));
  keys.take({ key3: 7 }, 9999);
  assert.equal(keys.list().find(({ path }) => path === "key3")?.example, "7");
});

Deno.test("every observed path leads back to a value of the object", () => {
  fc.assert(fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 4 })), (object) => {
    const keys = new ObservedKeys();
    keys.take(object, 1);
    for (const { path } of keys.list()) {
      const parsed = parseValuePath(path);
      assert.ok(parsed.kind === "object");
      assert.notEqual(readValuePath(parsed, object), undefined, path);
    }
  }));
});
