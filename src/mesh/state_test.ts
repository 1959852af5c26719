import assert from "node:assert/strict";
import canonicalize from "canonicalize";
import { exampleState, stateOf } from "../../tests/lib/mesh_examples.ts";
import { hub, hubKey, nonceOf } from "../../tests/lib/mesh_keys.ts";
import { maxStateBytes } from "./constants.ts";
import { sha256Hex } from "./encoding.ts";
import { openEnvelope, sealEnvelope } from "./envelope.ts";
import { exampleEnvelope } from "../../tests/lib/mesh_examples.ts";
import { readEvent } from "./events.ts";
import { nodeStateSchema, stateSha256 } from "./state.ts";

const [peer] = exampleState.peers;
const taken = (change: object) => nodeStateSchema.safeParse({ ...exampleState, ...change }).success;
const ruleTaken = (change: object) => taken({ policy: { rules: [{ ...exampleState.policy.rules[0], ...change }] } });

Deno.test("the hash of a state is over its canonical form", () => {
  assert.equal(stateSha256(exampleState), sha256Hex(canonicalize(exampleState) ?? ""));
  assert.equal(
    stateSha256({ ...exampleState, revocation: undefined }),
    stateSha256((({ revocation: _, ...rest }) => rest)(exampleState)),
  );
});

Deno.test("a state that a newer hub wrote keeps what this version does not know, and so its hash", () => {
  const newer = {
    ...exampleState,
    future: { x: 1 },
    peers: [{ ...peer, future: true, endpoints: [{ kind: "lan", address: "192.0.2.1:1", metric: 5 }] }],
    policy: { rules: [{ ...exampleState.policy.rules[0], future: "x" }], order: [1] },
  };
  const event = readEvent("node_state", newer);
  assert.ok(event.type === "node_state");
  assert.deepEqual(event.payload, newer);
  assert.equal(stateSha256(event.payload), sha256Hex(canonicalize(newer) ?? ""));
});

Deno.test("a state has its form, sorted peers and sound rules", () => {
  assert.ok(taken({}) && taken({ revocation: undefined, peers: [] }));
  for (const name of Object.keys(exampleState).filter((member) => member !== "revocation")) {
    assert.ok(!taken({ [name]: undefined }), name);
    assert.ok(!taken({ [name]: 7 }), name);
  }
  const [a, b] = [{ ...peer, node_id: `n_${"1".repeat(32)}` }, { ...peer, node_id: `n_${"2".repeat(32)}` }];
  assert.ok(taken({ peers: [a, b] }) && !taken({ peers: [b, a] }) && !taken({ peers: [a, a] }));
  for (const name of Object.keys(a).filter((member) => member !== "cosign" && member !== "relay")) {
    assert.ok(!taken({ peers: [{ ...a, [name]: undefined }] }), name);
  }
  assert.ok(ruleTaken({}) && ruleTaken({ ports: [[1, 65_535]] }));
  for (const ports of [[], [[0, 1]], [[2, 1]], [[1, 65_536]], [[1]], [[1, 2, 3]], [1], null]) {
    assert.ok(!ruleTaken({ ports }));
  }
  assert.ok(
    ruleTaken({ protocol: "icmp", ports: [] }) && !ruleTaken({ protocol: "icmp" }) && !ruleTaken({ protocol: "any" }),
  );
  assert.ok(!ruleTaken({ src: ["n_1"] }) && !ruleTaken({ id: "a b" }) && ruleTaken({ src: [] }));
});

Deno.test("a state of 1,000 peers passes, well below what a state may have", () => {
  const state = stateOf(1000);
  const text = sealEnvelope(exampleEnvelope("node_state", state), hubKey);
  const expected = {
    hub,
    audience: exampleEnvelope("time", {}).audience,
    keyOf: () => hubKey.publicKey,
    replyTo: nonceOf(4),
  };
  const { event } = openEnvelope(text, expected);
  assert.ok(event.type === "node_state" && event.payload.peers.length === 1000);
  assert.equal(stateSha256(event.payload), stateSha256(state));
  assert.ok(text.length < maxStateBytes / 4, `${text.length} bytes`);
});
