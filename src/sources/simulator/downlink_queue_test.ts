import assert from "node:assert/strict";
import { DownlinkQueue, type SentDownlink } from "./downlink_queue.ts";

/** The queue's next item, sent by a gateway that says so. */
function send(queue: DownlinkQueue, timeUs: number): SentDownlink | null {
  const frame = queue.next(timeUs);
  if (frame !== null) queue.sent(frame);
  return frame;
}

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
  const sent = [send(queue, 1), send(queue, 2), send(queue, 3)];
  assert.deepEqual(sent.map((one) => one && [one.id, one.fCntDown, one.timeUs]), [["a", 0, 1], ["b", 1, 2], null]);
  assert.equal(queue.items.length, 0);
});

Deno.test("a confirmed item blocks the queue until it is settled", () => {
  const queue = new DownlinkQueue();
  queue.add(item("a", true));
  queue.add(item("b"));
  assert.equal(send(queue, 1)?.id, "a");
  assert.equal(send(queue, 2), null);
  assert.deepEqual(queue.items.map(({ id, isPending, fCntDown }) => [id, isPending, fCntDown]), [
    ["a", true, 0],
    ["b", false, null],
  ]);
  assert.equal(queue.pending?.id, "a");
  queue.remove("a");
  assert.equal(queue.pending, undefined);
  assert.equal(send(queue, 3)?.id, "b");
});

Deno.test("late items are taken out, but not one that was sent in time", () => {
  const queue = new DownlinkQueue();
  queue.add(item("sent", true, 100));
  queue.add(item("late", false, 100));
  queue.add(item("early", false, 101));
  send(queue, 50);
  assert.deepEqual(queue.takeExpired(100).map(({ id }) => id), ["late"]);
  assert.deepEqual(queue.items.map(({ id }) => id), ["sent", "early"]);
});

Deno.test("a new session counts from 0 again", () => {
  const queue = new DownlinkQueue();
  queue.add(item("a"));
  send(queue, 1);
  queue.restart();
  queue.add(item("b"));
  assert.equal(send(queue, 2)?.fCntDown, 0);
});

Deno.test("a frame of which no gateway says that it was sent comes again with the same counter", () => {
  const queue = new DownlinkQueue();
  queue.add(item("a", true));
  assert.deepEqual([queue.next(1)?.fCntDown, queue.next(2)?.fCntDown], [0, 0]);
  assert.deepEqual(queue.items.map(({ id, isPending }) => [id, isPending]), [["a", false]]);
});

Deno.test("what is too long for a frame is taken out, up to the first item that fits", () => {
  const queue = new DownlinkQueue();
  for (const [id, length] of [["long", 3], ["short", 2], ["later", 3]] as const) {
    queue.add({ ...item(id), data: new Uint8Array(length) });
  }
  assert.deepEqual(queue.takeOversized(2).map(({ id }) => id), ["long"]);
  assert.deepEqual(queue.items.map(({ id }) => id), ["short", "later"]);
});
