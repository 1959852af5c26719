import assert from "node:assert/strict";
import { ApiProblem } from "./api_problem.ts";
import { StateGate } from "./state_gate.ts";

Deno.test("so many get in at once, the others in the order in which they came", async () => {
  const gate = new StateGate<string>(2);
  const inside: string[] = [];
  const leave = new Map<string, () => void>();
  const enter = (key: string) =>
    gate.enter(key).then((go) => {
      inside.push(key);
      leave.set(key, go);
    });
  const all = ["a", "b", "c", "d"].map(enter);
  await Promise.all(all.slice(0, 2));
  assert.deepEqual(inside, ["a", "b"]);
  leave.get("b")?.();
  leave.get("b")?.(); // leaving twice is leaving once
  await all[2];
  assert.deepEqual(inside, ["a", "b", "c"]);
  leave.get("a")?.();
  leave.get("c")?.();
  await all[3];
  leave.get("d")?.();
  await enter("e");
  assert.deepEqual(inside, ["a", "b", "c", "d", "e"]);
});

Deno.test("who is inside or waits is not let in a second time, and is after leaving", async () => {
  const gate = new StateGate<string>(1);
  const refused = (error: unknown) => error instanceof ApiProblem && error.status === 429;
  const leave = await gate.enter("a");
  const waiting = gate.enter("b");
  await assert.rejects(gate.enter("a"), refused);
  await assert.rejects(gate.enter("b"), refused);
  leave();
  (await waiting)();
  (await gate.enter("a"))();
});
