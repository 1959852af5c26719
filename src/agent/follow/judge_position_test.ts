import assert from "node:assert/strict";
import fc from "fast-check";
import type { Position } from "../files/position.ts";
import { type Arrival, judgePosition } from "./judge_position.ts";

const [hashA, hashB] = ["a".repeat(64), "b".repeat(64)];
const here: Position = { epoch: 2, sequence: 10, state_sha256: hashA, key_index: 0 };
const plain = { recoveredEpoch: 0, acceptAnyPosition: false };
const event = (sequence: number, epoch = 2): Arrival => ({
  kind: "event",
  epoch,
  sequence,
  keyIndex: 0,
  stateSha256: null,
});
const told = (kind: "state" | "tick", sequence: number, stateSha256 = hashA, epoch = 2): Arrival => ({
  kind,
  epoch,
  sequence,
  keyIndex: 0,
  stateSha256,
});
const verdict = (arrival: Arrival, position = here, facts = plain) => {
  const judgement = judgePosition(position, arrival, facts);
  return judgement.verdict === "refuse" ? judgement.code : judgement.verdict;
};

for (
  const [what, arrival, expected] of [
    ["an event of a lower epoch", event(11, 1), "hub_rolled_back"],
    ["a state of a lower epoch", told("state", 99, hashA, 1), "hub_rolled_back"],
    ["an event of a higher epoch", event(11, 3), "hub_recovered_needed"],
    ["a tick of a higher epoch", told("tick", 11, hashA, 3), "hub_recovered_needed"],
    ["the last event again", event(10), "duplicate"],
    ["an old event", event(1), "duplicate"],
    ["the next event", event(11), "apply"],
    ["an event behind a gap", event(12), "fetch_state"],
    ["an older state", told("state", 9), "hub_rolled_back"],
    ["an older tick", told("tick", 9), "hub_rolled_back"],
    ["the same state", told("state", 10), "take_state"],
    ["the tick of now", told("tick", 10), "in_step"],
    ["another state at the same position", told("state", 10, hashB), "hub_forked"],
    ["a tick of another state at the same position", told("tick", 10, hashB), "hub_forked"],
    ["a newer state", told("state", 12, hashB), "take_state"],
    ["a tick behind a gap", told("tick", 11, hashB), "fetch_state"],
  ] as const
) {
  Deno.test(`${what}: ${expected}`, () => assert.equal(verdict(arrival), expected));
}

Deno.test("after an event any hash fits, until a tick or a state tells it", () => {
  const open = { ...here, state_sha256: null };
  assert.equal(verdict(told("tick", 10, hashB), open), "in_step");
  assert.equal(verdict(told("state", 10, hashB), open), "take_state");
});

Deno.test("the epoch that a recovery named begins with a state, and no other epoch with it", () => {
  const facts = { ...plain, recoveredEpoch: 3 };
  assert.equal(verdict(told("state", 0, hashB, 3), here, facts), "take_state");
  assert.equal(verdict(event(11, 3), here, facts), "fetch_state");
  assert.equal(verdict(told("state", 0, hashB, 4), here, facts), "hub_recovered_needed");
});

Deno.test("what root accepted is a state, wherever it is, and nothing else", () => {
  const facts = { ...plain, acceptAnyPosition: true };
  assert.equal(verdict(told("state", 1, hashB, 1), here, facts), "take_state");
  assert.equal(verdict(event(11, 1), here, facts), "hub_rolled_back");
});

Deno.test("no judgement moves the position back, and only the next event is applied", () => {
  const number = fc.integer({ min: 0, max: 6 });
  const hash = fc.constantFrom(hashA, hashB);
  const position = fc.record({
    epoch: number,
    sequence: number,
    state_sha256: fc.option(hash),
    key_index: number,
  });
  const arrival = fc.record({
    kind: fc.constantFrom("event" as const, "state" as const, "tick" as const),
    epoch: number,
    sequence: number,
    keyIndex: number,
    hash,
  }).map(({ hash, ...rest }): Arrival => ({ ...rest, stateSha256: rest.kind === "event" ? null : hash }));
  fc.assert(
    fc.property(position, arrival, number, (position, arrival, recoveredEpoch) => {
      const judgement = judgePosition(position, arrival, { recoveredEpoch, acceptAnyPosition: false });
      if (!("position" in judgement)) return;
      const { epoch, sequence } = judgement.position;
      assert.ok(epoch > position.epoch || (epoch === position.epoch && sequence >= position.sequence));
      assert.ok(epoch === position.epoch || epoch === recoveredEpoch);
      if (judgement.verdict === "apply") assert.equal(sequence, position.sequence + 1);
    }),
    { numRuns: 2000 },
  );
});
