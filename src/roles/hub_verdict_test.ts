import assert from "node:assert/strict";
import { FaultBoard } from "../telemetry/fault_board.ts";
import { hubVerdict } from "./hub_verdict.ts";

const hub = (change: Partial<Parameters<typeof hubVerdict>[1]> = {}) => ({
  url: "https://hub.plant.example:8443",
  nodes: { active: 5, online: 4, removed: 1 },
  ...change,
});

Deno.test("a hub is well while nodes are away, and says how many are there", () => {
  assert.deepEqual(hubVerdict([], hub()), { verdict: "ok", summary: "All is well: 4 of 5 nodes are online" });
  assert.equal(hubVerdict([], hub({ nodes: { active: 0, online: 0, removed: 0 } })).verdict, "ok");
});

Deno.test("a hub without an address for agents is not set up", () => {
  assert.equal(hubVerdict([], hub({ url: "" })).verdict, "not_set_up");
});

Deno.test("faults decide, errors before everything else", () => {
  const faults = new FaultBoard(() => 1);
  faults.raise("hub_address_unknown", "hub.plant.example");
  assert.equal(hubVerdict(faults.list(), hub()).verdict, "attention");
  assert.equal(hubVerdict(faults.list(), hub({ url: "" })).verdict, "not_set_up");
  faults.raise("hub_stopped_signing", "a node is ahead");
  const { verdict, summary } = hubVerdict(faults.list(), hub({ url: "" }));
  assert.equal(verdict, "failed");
  assert.match(summary, /signs nothing/);
});
