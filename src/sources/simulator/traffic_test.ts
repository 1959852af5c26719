// deno-lint-ignore-file no-non-null-assertion -- what is missing fails the test
import assert from "node:assert/strict";
import { seededRandom } from "./seeded_random.ts";
import { Traffic } from "./traffic.ts";

Deno.test("every sender sends once an interval, in the order of time and on time", () => {
  let now = 0;
  const sent: [number, number][] = [];
  const senders = Array.from(
    { length: 20 },
    (_none, id) => ({ send: (timeUs: number) => void sent.push([timeUs, id]) }),
  );
  const traffic = new Traffic(senders, { intervalMs: 1000, nowUs: () => now, random: seededRandom(3) });
  for (; now <= 60_000_000; now += 10_000) traffic.runDue();
  const times = sent.map(([timeUs]) => timeUs);
  assert.deepEqual(times, times.toSorted((left, right) => left - right));
  for (let id = 0; id < 20; id++) {
    const own = sent.filter(([, sender]) => sender === id).map(([timeUs]) => timeUs);
    assert.ok(own.length >= 57 && own.length <= 63, `${own.length} frames a minute`);
    const gaps = own.slice(1).map((timeUs, index) => timeUs - own[index]!);
    assert.ok(gaps.every((gap) => gap >= 899_999 && gap <= 1_100_001));
  }
});

Deno.test("after a long pause twenty intervals are made up and no more", () => {
  let now = 0;
  let count = 0;
  const traffic = new Traffic([{ send: () => void count++ }], {
    intervalMs: 1000,
    nowUs: () => now,
    random: () => 0.5,
  });
  now = 3_600_000_000;
  traffic.runDue();
  assert.ok(count >= 20 && count <= 23, `${count} frames`);
});

Deno.test("without senders nothing is ever due", () => {
  const traffic = new Traffic([], { intervalMs: 0, nowUs: () => 1e15, random: () => 0 });
  assert.equal(traffic.runDue(), 0);
});

Deno.test("a started traffic runs by itself until it is stopped", async () => {
  const first = Promise.withResolvers<void>();
  const traffic = new Traffic([{ send: () => first.resolve() }], {
    intervalMs: 5,
    nowUs: () => performance.now() * 1000,
    random: () => 0.5,
  });
  traffic.start();
  await first.promise;
  traffic.stop();
});
