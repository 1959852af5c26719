import assert from "node:assert/strict";
import { type DeviceEvent, EventLog } from "./event_log.ts";

const event = (n: number) => ({ type: "up", timeUs: n, body: () => ({ n }), properties: {} }) as const;
const numbers = (events: readonly DeviceEvent[]) => events.map(({ body }) => body()["n"]);

Deno.test("the log keeps the last events and replays them before the new ones", () => {
  const log = new EventLog(3);
  for (let n = 1; n <= 5; n++) log.append(n * 1000, event(n));
  assert.deepEqual(numbers(log.events), [3, 4, 5]);
  const seen: DeviceEvent[] = [];
  const leave = log.follow((entry) => seen.push(entry));
  log.append(6000, event(6));
  leave();
  log.append(7000, event(7));
  assert.deepEqual(numbers(seen), [3, 4, 5, 6]);
});

Deno.test("ids are the server's millisecond and a number within it, and never go back", () => {
  const log = new EventLog(10);
  for (const nowUs of [5_000_500, 5_000_900, 6_000_000, 2_000_000, 6_001_000]) log.append(nowUs, event(0));
  assert.deepEqual(log.events.map(({ id }) => id), ["5000-0", "5000-1", "6000-0", "6000-1", "6001-0"]);
});

Deno.test("a log that keeps nothing delivers nothing", () => {
  const log = new EventLog(0);
  const seen: DeviceEvent[] = [];
  log.follow((entry) => seen.push(entry));
  log.append(1000, event(1));
  assert.deepEqual([seen.length, log.events.length], [0, 0]);
});
