import assert from "node:assert/strict";
import { CallLimit } from "./call_limit.ts";

Deno.test("no more than the limit are inside, and the others follow in their order", async () => {
  const limit = new CallLimit(2);
  const entered: number[] = [];
  const leaves: (() => void)[] = [];
  const all = [0, 1, 2, 3].map(async (index) => {
    const leave = await limit.enter();
    entered.push(index);
    leaves.push(leave);
  });
  await Promise.all(all.slice(0, 2));
  assert.deepEqual(entered, [0, 1]);
  leaves.shift()?.();
  await all[2];
  assert.deepEqual(entered, [0, 1, 2]);
  for (const leave of leaves.splice(0)) leave();
  await all[3];
  for (const leave of leaves.splice(0)) leave();
  assert.deepEqual(entered, [0, 1, 2, 3]);
  for (const leave of [await limit.enter(), await limit.enter()]) leave();
});

Deno.test("who gives up waiting takes no place", async () => {
  const limit = new CallLimit(1);
  const leave = await limit.enter();
  const abort = new AbortController();
  const waiting = limit.enter(abort.signal);
  abort.abort(new Error("no more"));
  await assert.rejects(waiting, /no more/);
  await assert.rejects(limit.enter(abort.signal), /no more/);
  leave();
  (await limit.enter())();
});
