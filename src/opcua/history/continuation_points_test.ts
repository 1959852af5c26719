import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { CONTINUATION_TIMEOUT_US, ContinuationPoints } from "./continuation_points.ts";

Deno.test("a point is handed out once, to its session, for a minute", () => {
  let nowUs = 0;
  const points = new ContinuationPoints<string>(() => nowUs);
  const [a, b] = [{}, {}];
  const token = points.add(a, "here");
  ok(token);
  strictEqual(points.take(b, token), undefined);
  strictEqual(points.take(a, token), "here");
  strictEqual(points.take(a, token), undefined);
  const late = points.add(a, "late");
  ok(late);
  nowUs += CONTINUATION_TIMEOUT_US;
  strictEqual(points.take(a, late), undefined);
});

Deno.test("a session holds 1,000 points; expired ones make room", () => {
  let nowUs = 0;
  const points = new ContinuationPoints<number>(() => nowUs);
  const session = {};
  for (let i = 0; i < 1000; i++) ok(points.add(session, i));
  strictEqual(points.add(session, 1000), null);
  ok(points.add({}, 0), "another session has its own");
  nowUs += CONTINUATION_TIMEOUT_US;
  ok(points.add(session, 1001));
});

Deno.test("a point that was put back can be taken again; a closed session has none", () => {
  const points = new ContinuationPoints<string>(() => 0);
  const session = {};
  const token = points.add(session, "here");
  ok(token);
  strictEqual(points.take(session, token), "here");
  points.putBack(session, token, "here");
  strictEqual(points.take(session, token), "here");
  points.add(session, "other");
  points.release(session);
  deepStrictEqual(points.size, 0);
  points.putBack(session, token, "late");
  strictEqual(points.take(session, token), undefined);
});
