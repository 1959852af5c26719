import assert from "node:assert/strict";
import { applyEvent } from "./apply_event.ts";
import type { NodeId } from "./ids.ts";
import { type NodeState, type StatePeer, stateSha256 } from "./state.ts";

function id(digit: string): NodeId {
  return `n_${digit.repeat(32)}` as NodeId;
}

function peer(digit: string, change: Partial<StatePeer> = {}): StatePeer {
  return {
    endpoints: [],
    mesh_ip: `10.100.0.${Number.parseInt(digit, 16)}`,
    name: `box-${digit}`,
    node_id: id(digit),
    psk_hub: Buffer.alloc(32).toString("base64"),
    psk_hub_id: 1,
    statement_sha256: "0".repeat(64),
    ...change,
  };
}

const state: NodeState = {
  mesh_cidr: "10.100.0.0/16",
  mesh_ip: "10.100.0.200",
  observers: [],
  peers: [peer("2"), peer("8")],
  policy: { rules: [] },
  psk_mode: "end-to-end",
  tls_spki: ["0".repeat(64)],
};

Deno.test("a peer takes its place by node id, or the place of what was known of it", () => {
  const names = (next: NodeState) => next.peers.map(({ name }) => name);
  for (
    const [digit, expected] of [["1", "box-1,box-2,box-8"], ["5", "box-2,box-5,box-8"], ["9", "box-2,box-8,box-9"]]
  ) {
    assert.equal(
      names(applyEvent(state, { type: "peer_added", payload: { peer: peer(digit ?? "") } })).join(),
      expected,
    );
  }
  const renamed = applyEvent(state, { type: "peer_added", payload: { peer: peer("2", { name: "other" }) } });
  assert.deepEqual(names(renamed), ["other", "box-8"]);
});

Deno.test("each event changes what it names, nothing else, and never the state it was given", () => {
  const before = JSON.stringify(state);
  const relay = { address: "192.0.2.1:51900", expires_at: "2030-01-01T00:00:00Z", session_id: "r_1" };
  const assigned = applyEvent(state, { type: "relay_session_assigned", payload: { peer_id: id("2"), relay } });
  assert.deepEqual(assigned.peers, [peer("2", { relay }), peer("8")]);
  const revoked = applyEvent(assigned, { type: "relay_session_revoked", payload: { peer_id: id("2") } });
  assert.equal(stateSha256(revoked), stateSha256(state));
  const rotated = (phase: "prepare" | "commit") =>
    applyEvent(state, {
      type: "peer_key_rotated",
      payload: { phase, peer_id: id("8"), statement_sha256: "1".repeat(64) },
    });
  assert.equal(rotated("prepare"), state);
  assert.deepEqual(rotated("commit").peers, [peer("2"), peer("8", { statement_sha256: "1".repeat(64) })]);
  assert.deepEqual(
    applyEvent(state, { type: "peer_removed", payload: { peer_id: id("2") } }).peers,
    [peer("8")],
  );
  const settings = { observers: [], psk_mode: "hub" as const, tls_spki: ["1".repeat(64)] };
  assert.deepEqual(applyEvent(state, { type: "hub_settings", payload: settings }), { ...state, ...settings });
  assert.equal(applyEvent(state, { type: "unknown", name: "later" }), state);
  assert.equal(JSON.stringify(state), before);
});

Deno.test("an event about a peer that is not there leaves the state as it is", () => {
  const next = applyEvent(state, { type: "peer_endpoint_changed", payload: { peer_id: id("5"), endpoints: [] } });
  assert.equal(stateSha256(next), stateSha256(state));
});
