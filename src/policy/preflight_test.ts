import assert from "node:assert/strict";
import { configSchema } from "../config/schema.ts";
import { preflight, type PreflightFacts, type PreflightRequest, type TargetFacts } from "./preflight.ts";

const remote = configSchema.parse({}).runtime.remote;
const request: PreflightRequest = {
  operation: "tags.force",
  target: "pump-1/valve",
  role: "operator",
  address: "192.168.1.9",
  maxAgeMs: null,
};
const target: TargetFacts = { configured: true, reachable: true, ageMs: 1000, staleAfterMs: 60_000, conflict: null };
const facts: PreflightFacts = { remote, debugOpen: true, target };

function codes(change: Partial<PreflightRequest>, around: Partial<PreflightFacts> = {}): string[] {
  const answer = preflight({ ...request, ...change }, { ...facts, ...around });
  assert.equal(answer.allowed, answer.denials.length === 0);
  for (const { text, remedy } of answer.denials) assert.ok(text.length > 8 && remedy.length > 8);
  return answer.denials.map(({ code }) => code);
}

Deno.test("an action that is allowed and can work now has no denial", () => {
  assert.deepEqual(codes({}), []);
  assert.deepEqual(codes({ operation: "config.reload", role: "admin", target: null }, { target: null }), []);
});

Deno.test("each thing in the way has its own code, and all are told at once", () => {
  const on = (change: Partial<TargetFacts>) => codes({}, { target: { ...target, ...change } });
  assert.deepEqual(on({ configured: false, reachable: false }), ["not_configured"]);
  assert.deepEqual(on({ reachable: false }), ["target_unreachable"]);
  assert.deepEqual(on({ ageMs: 60_001 }), ["stale_data"]);
  assert.deepEqual(on({ ageMs: null }), ["stale_data"]);
  assert.deepEqual(on({ ageMs: null, staleAfterMs: null }), []);
  assert.deepEqual(on({ conflict: "it is forced by anna" }), ["conflict"]);
  assert.deepEqual(on({ reachable: false, ageMs: null, conflict: "it is forced by anna" }), [
    "target_unreachable",
    "stale_data",
    "conflict",
  ]);
  assert.deepEqual(codes({}, { target: "timeout" }), ["timeout"]);
  assert.deepEqual(codes({ maxAgeMs: 999 }), ["stale_data"]);
  assert.deepEqual(codes({ maxAgeMs: 100_000 }, { target: { ...target, ageMs: 90_000 } }), []);
});

Deno.test("who may not act learns nothing of the target", () => {
  const gone = { target: { ...target, configured: false } };
  assert.deepEqual(codes({ role: "viewer" }, gone), ["permission_denied"]);
  assert.deepEqual(codes({ role: null }, gone), ["unauthenticated"]);
  assert.deepEqual(codes({}, { ...gone, debugOpen: false }), ["debug_locked"]);
  assert.deepEqual(codes({}, { ...gone, remote: { ...remote, profile: "wan" } }), ["permission_denied"]);
  assert.deepEqual(codes({ operation: "no.such", role: "admin" }, gone), ["unknown_operation"]);
});
