import assert from "node:assert/strict";
import { KeyTurns } from "./key_turns.ts";

Deno.test("no turns are taken while there is one key, or the session is young", () => {
  const turns = new KeyTurns(135_000, 15_000);
  assert.equal(turns.isNext(1, 500_000, 0), false);
  assert.equal(turns.isNext(2, 134_999, 0), false);
});

Deno.test("each key gets its time, beginning with the other one at once", () => {
  const turns = new KeyTurns(135_000, 15_000);
  const taken = [];
  for (let second = 0; second <= 45; second++) {
    if (turns.isNext(2, 135_000 + second * 1000, second * 1000)) taken.push(second);
  }
  assert.deepEqual(taken, [0, 15, 30, 45]);
});

Deno.test("a handshake ends the turns, and the next time they begin anew", () => {
  const turns = new KeyTurns(135_000, 15_000);
  assert.equal(turns.isNext(2, 135_000, 0), true);
  assert.equal(turns.isNext(2, 1000, 2000), false);
  assert.equal(turns.isNext(2, 135_000, 3000), true);
});
