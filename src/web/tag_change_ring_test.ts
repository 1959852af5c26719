import assert from "node:assert/strict";
import type { Tag } from "../tags/tag.ts";
import { WebWorld } from "../../tests/lib/web_world.ts";
import { TagChangeRing } from "./tag_change_ring.ts";

const [a, b, c] = [...new WebWorld().tags.list()] as [Tag, Tag, Tag];

Deno.test("a reader gets each tag that changed behind its position once", () => {
  const ring = new TagChangeRing();
  assert.deepEqual(ring.since(0), []);
  ring.note(a);
  ring.note(a);
  assert.deepEqual(ring.since(0), [], "an open tick is not shown");
  assert.equal(ring.commit(), true);
  ring.note(a);
  ring.note(b);
  ring.commit();
  assert.equal(ring.commit(), false);
  assert.equal(ring.sequence, 2);
  assert.deepEqual(ring.since(0), [a, b]);
  assert.deepEqual(ring.since(1), [a, b]);
  assert.deepEqual(ring.since(2), []);
});

Deno.test("a reader that was away too long, or comes from elsewhere, is told so", () => {
  const ring = new TagChangeRing(2);
  for (const tag of [a, b, c]) {
    ring.note(tag);
    ring.commit();
  }
  assert.equal(ring.since(0), null);
  assert.deepEqual(ring.since(1), [b, c]);
  assert.equal(ring.since(7), null);
});

Deno.test("one tick with more tags than the ring keeps is kept whole", () => {
  const ring = new TagChangeRing(1);
  ring.note(a);
  ring.note(b);
  ring.commit();
  assert.deepEqual(ring.since(0), [a, b]);
});

Deno.test("after clearing no earlier position is known", () => {
  const ring = new TagChangeRing();
  ring.note(a);
  ring.commit();
  ring.note(b);
  ring.clear();
  assert.equal(ring.since(0), null);
  assert.equal(ring.since(1), null);
  assert.deepEqual(ring.since(ring.sequence), []);
  ring.commit();
  assert.equal(ring.sequence, 2, "what was open was forgotten too");
});
