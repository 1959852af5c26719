import assert from "node:assert/strict";
import { halfHeight, halfWidth, placesOf } from "./topology_layout.ts";

Deno.test("every node has a place of its own inside the drawing", () => {
  for (const count of [1, 2, 3, 8, 40]) {
    const places = placesOf(count);
    assert.equal(new Set(places.map(({ x, y }) => `${x},${y}`)).size, count);
    assert.ok(places.every(({ x, y }) => Math.abs(x) < halfWidth && Math.abs(y) < halfHeight));
  }
});

Deno.test("names stand outside the ring", () => {
  assert.deepEqual(placesOf(4).map(({ anchor }) => anchor), ["middle", "start", "middle", "end"]);
});
