import { deepStrictEqual } from "node:assert/strict";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { aggregatedEvents } from "./aggregated_event.ts";

Deno.test("equal events are told at once and then once a window with their number", async () => {
  const told: [string, number][] = [];
  const events = aggregatedEvents<string>((detail, count) => told.push([detail, count]), 20);
  events.report("a", "first");
  events.report("a", "second");
  events.report("a", "third");
  events.report("b", "other");
  deepStrictEqual(told, [["first", 1], ["other", 1]]);
  await waitFor("the window to end", () => told.length === 3);
  deepStrictEqual(told[2], ["third", 2]);
  events.stop();
});

Deno.test("stopping tells what is held back, and memory stays bounded", () => {
  const told: [string, number][] = [];
  const events = aggregatedEvents<string>((detail, count) => told.push([detail, count]), 60_000, 2);
  for (const key of ["a", "a", "b", "c"]) events.report(key, key);
  deepStrictEqual(told, [["a", 1], ["b", 1], ["a", 1], ["c", 1]]);
  events.report("c", "c");
  events.stop();
  deepStrictEqual(told.at(-1), ["c", 1]);
});
