import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { InSlices } from "./in_slices.ts";

Deno.test("what fits into one slice is done at once", async () => {
  const done: number[] = [];
  let slices = 0;
  const work = new InSlices((slice) => {
    slices++;
    slice();
  }, () => 0);
  work.add([() => done.push(1), () => done.push(2)]);
  deepStrictEqual([done, slices], [[1, 2], 1]);
  await work.settled();
});

Deno.test("more is done in order, with the event loop free in between, and all of it is waited for", async () => {
  const done: number[] = [];
  const order: string[] = [];
  let nowMs = 0;
  const work = new InSlices((slice) => {
    slice();
    order.push(`slice to ${done.length}`);
  }, () => nowMs);
  work.add(Array.from({ length: 20 }, (_, i) => () => {
    nowMs += 1;
    done.push(i);
  }));
  strictEqual(done.length, 5);
  work.add([() => done.push(99)]);
  strictEqual(done.length, 5, "what comes later waits its turn");
  const other = new Promise<void>((resolve) => setTimeout(() => resolve(void order.push("another timer")), 1));
  await work.settled();
  await other;
  deepStrictEqual(done, [...Array(20).keys(), 99]);
  strictEqual(order[0], "slice to 5");
  strictEqual(order.includes("another timer") && order.length >= 4, true, order.join());
});

Deno.test("pieces that are added one after the other share a slice, and after a pause there is a new one", async () => {
  let nowMs = 0;
  const done: number[] = [];
  const work = new InSlices((slice) => slice(), () => nowMs);
  const piece = (i: number) => () => {
    nowMs += 2;
    done.push(i);
  };
  for (let i = 0; i < 8; i++) work.add([piece(i)]);
  deepStrictEqual(done, [0, 1, 2]);
  await work.settled();
  deepStrictEqual(done, [0, 1, 2, 3, 4, 5, 6, 7]);
  nowMs += 1;
  for (let i = 8; i < 11; i++) work.add([piece(i)]);
  deepStrictEqual(done.slice(8), [8, 9, 10]);
  await work.settled();
});

Deno.test("a stop drops what waits and lets nobody wait on", async () => {
  let nowMs = 0;
  let done = 0;
  const work = new InSlices((slice) => slice(), () => nowMs);
  work.add(Array.from({ length: 20 }, () => () => {
    nowMs += 5;
    done++;
  }));
  const settled = work.settled();
  work.stop();
  await settled;
  strictEqual(done, 1);
});
