import assert from "node:assert/strict";
import { FaultBoard } from "./fault_board.ts";
import type { SourceStatus, TagsStatus } from "./status.ts";
import { verdictOf } from "./verdict.ts";

const tags: TagsStatus = {
  total: 4,
  good: 4,
  uncertain: 0,
  bad: 0,
  waiting: 0,
  samplesLive: 0,
  samplesBackfill: 0,
  samplesPerSecond: 0,
};
const alarms = { active: 0 };
const sources = [{ name: "chirpstack" } as SourceStatus];

Deno.test("an error outweighs warnings and names its subject", () => {
  const board = new FaultBoard(() => 1);
  board.raise("stream_silent", "nothing since noon", "0011223344556677");
  board.raise("source_unreachable", "connection refused", "http://127.0.0.1:1");
  assert.deepEqual(verdictOf({ faults: board.list(), sources, tags, alarms }), {
    verdict: "failed",
    summary: "ChirpStack cannot be reached (http://127.0.0.1:1)",
  });
  board.clear("source_unreachable", "http://127.0.0.1:1");
  board.raise("stream_silent", "nothing since noon", "8899aabbccddeeff");
  assert.deepEqual(verdictOf({ faults: board.list(), sources, tags, alarms }), {
    verdict: "attention",
    summary: "Device events do not arrive (0011223344556677), and 1 more",
  });
});

Deno.test("without a source the gateway is not set up, with one it is well", () => {
  assert.equal(verdictOf({ faults: [], sources: [], tags, alarms }).verdict, "not_set_up");
  assert.equal(verdictOf({ faults: [], sources, tags, alarms }).verdict, "ok");
});

Deno.test("tags without a current value want attention", () => {
  assert.deepEqual(verdictOf({ faults: [], sources, tags: { ...tags, good: 2, uncertain: 1, bad: 1 }, alarms }), {
    verdict: "attention",
    summary: "2 of 4 tags have no current value",
  });
  assert.equal(verdictOf({ faults: [], sources, tags: { ...tags, good: 0, waiting: 4 }, alarms }).verdict, "attention");
  assert.match(
    verdictOf({ faults: [], sources, tags: { ...tags, good: 3, waiting: 1 }, alarms }).summary,
    /1 wait for/,
  );
});

Deno.test("active alarms are told, and are no fault of the gateway", () => {
  assert.deepEqual(verdictOf({ faults: [], sources, tags, alarms: { active: 1 } }), {
    verdict: "ok",
    summary: "All is well: 4 tags are current; 1 alarm is active",
  });
  assert.match(verdictOf({ faults: [], sources, tags, alarms: { active: 2 } }).summary, /2 alarms are active$/);
});
