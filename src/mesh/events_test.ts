import assert from "node:assert/strict";
import { examplePayloads } from "../../tests/lib/mesh_examples.ts";
import { eventSchemas, type EventType, readEvent } from "./events.ts";

const types = Object.keys(eventSchemas) as EventType[];

for (const type of types) {
  Deno.test(`${type}: its payload is read, and nothing else taken for it`, () => {
    const payload: Record<string, unknown> = { ...examplePayloads[type] };
    assert.deepEqual(readEvent(type, payload), { type, payload });
    for (
      const name of Object.keys(payload).filter((member) => member !== "revocation" || type === "revocation_updated")
    ) {
      for (const value of [undefined, null, 1.5, {}, [null], "\u0000"]) {
        assert.throws(() => readEvent(type, { ...payload, [name]: value }), { code: "E_FORM" }, `${name}: ${value}`);
      }
    }
    for (const bad of [null, 1, "x", []]) assert.throws(() => readEvent(type, bad), { code: "E_FORM" });
  });
}

Deno.test("members of a payload that this version does not know are dropped", () => {
  assert.deepEqual(readEvent("rotate_keys", { future: 1 }), { type: "rotate_keys", payload: {} });
});

Deno.test("a kind of a newer hub is named, without its payload", () => {
  for (const name of ["peer_renamed", "constructor", "__proto__", "toString"]) {
    assert.deepEqual(readEvent(name, { x: 1 }), { type: "unknown", name });
  }
});
