import assert from "node:assert/strict";
import { DownlinkQueue } from "./downlink_queue.ts";

const item = (id: string, confirmed = false, expiresUs: number | null = null) => ({
  id,
  fPort: 1,
  confirmed,
  data: Uint8Array.of(1),
  object: null,
  expiresUs,
});

Deno.test("items leave in the order in which they came, with frame counters that count", () => {
  const queue = new DownlinkQueue();
  for (const id of ["a", "b"]) queue.add(item(id));
  const sent = [queue.send(1), queue.send(2), queue.send(3)];
  assert.deepEqual(sent.map((one) => one && [one.id, one.fCntDown, one.timeUs]), [["a", 0, 1], ["b", 1, 2], null]);
  assert.equal(queue.items.length, 0);
});

Deno.test("a confirmed item blocks the queue until it is settled", () => {
  const queue = new DownlinkQueue();
  queue.add(item("a", true));
  queue.add(item("b"));
  assert.equal(queue.send(1)?.id, "a");
  assert.equal(queue.send(2), null);
  assert.deepEqual(queue.items.map(({ id, isPending, fCntDown }) => [id, isPending, fCntDown]), [
    ["a", true, 0],
    ["b", false, null],
  ]);
  assert.equal(queue.pending?.id, "a");
  queue.remove("a");
  assert.equal(queue.pending, undefined);
  assert.equal(queue.send(3)?.id, "b");
});

Deno.test("late items are taken out, but not one that was sent in time", () => {
  const queue = new DownlinkQueue();
  queue.add(item("sent", true, 100));
  queue.add(item("late", false, 100));
  queue.add(item("early", false, 101));
  queue.send(50);
  assert.deepEqual(queue.takeExpired(100).map(({ id }) => id), ["late"]);
  assert.deepEqual(queue.items.map(({ id }) => id), ["sent", "early"]);
});

Deno.test("a new session counts from 0 again", () => {
  const queue = new DownlinkQueue();
  queue.add(item("a"));
  queue.send(1);
  queue.restart();
  queue.add(item("b"));
  assert.equal(queue.send(2)?.fCntDown, 0);
});
