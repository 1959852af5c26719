import assert from "node:assert/strict";
import { toBase64 } from "../../mesh/encoding.ts";
import { sealObject } from "../../mesh/signed_object.ts";
import { HubWorld, type SimulatedNode } from "../../../tests/lib/hub_world.ts";
import { HubRequestRefused } from "../hub_core.ts";

/** Two nodes, the leader first. */
async function pair(): Promise<{ world: HubWorld; leader: SimulatedNode; follower: SimulatedNode }> {
  const world = await HubWorld.open();
  const [leader, follower] = [world.join("box-a"), world.join("box-b")].toSorted((a, b) => a.id < b.id ? -1 : 1);
  if (leader === undefined || follower === undefined) throw new Error("No nodes");
  for (const node of [leader, follower]) {
    node.follow();
    node.beat();
    node.types();
  }
  return { world, leader, follower };
}

function commit(from: SimulatedNode, to: SimulatedNode, epoch: number): string {
  const members = { from: from.id, to: to.id, psk_epoch: epoch, offer_sha256: "0".repeat(64) };
  return sealObject("ek.psk_commit", from.world.core.hubId, members, from.identity);
}

Deno.test("a message reaches its receiver as an event", async () => {
  const { world, leader, follower } = await pair();
  await using _world = world;
  const text = commit(leader, follower, 1);
  world.core.mail(leader.id, follower.id, text);
  follower.follow();
  assert.deepEqual(follower.received, [{ type: "peer_mail", payload: { message: text } }]);
  assert.equal(follower.stateSha256, world.core.position(follower.id).stateSha256);
});

Deno.test("a node that was away gets the same message once, and a node that starts gets what it jumped over", async () => {
  const { world, leader, follower } = await pair();
  await using _world = world;
  const text = commit(leader, follower, 1);
  for (let i = 0; i < 3; i++) world.core.mail(leader.id, follower.id, text);
  const before = follower.sequence;
  follower.fetchState();
  assert.equal(follower.sequence, before + 1);
  follower.follow();
  assert.deepEqual(follower.received, [{ type: "peer_mail", payload: { message: text } }]);
  // it told that it is past it: not again
  follower.beat();
  follower.fetchState();
  follower.follow();
  assert.equal(follower.received.length, 1);
});

Deno.test("a message that is not the sender's, not for the receiver, mis-signed, or too long is refused and audited", async () => {
  const { world, leader, follower } = await pair();
  await using _world = world;
  const text = commit(leader, follower, 1);
  const wrong: [code: string, from: SimulatedNode, to: SimulatedNode, text: string][] = [
    ["mail_refused", follower, leader, text],
    ["mail_refused", follower, leader, commit(follower, leader, 1)],
    ["object_refused", leader, follower, text.replace('"psk_epoch":1', '"psk_epoch":2')],
    ["object_refused", leader, follower, `{"a":"${"x".repeat(5000)}"}`],
    ["object_refused", leader, follower, follower.statement.text],
    ["node_unknown", leader, leader, text],
  ];
  for (const [code, from, to, message] of wrong) {
    assert.throws(
      () => world.core.mail(from.id, to.id, message),
      (error) => error instanceof HubRequestRefused && error.code === code,
      code,
    );
  }
  assert.deepEqual(world.audit.of("hub_refused").map(({ outcome }) => outcome), wrong.map(([code]) => code));
  assert.equal(follower.follow(), false);
  assert.deepEqual(follower.types(), []);
});

Deno.test("one sender cannot flood another node", async () => {
  const { world, leader, follower } = await pair();
  await using _world = world;
  world.core.streamOpened(follower.id);
  let sent = 0;
  assert.throws(
    () => {
      for (; sent < 100; sent++) world.core.mail(leader.id, follower.id, commit(leader, follower, 1 + sent));
    },
    (error) => error instanceof HubRequestRefused && error.status === 429,
  );
  assert.equal(sent, 12);
  world.clock.set(5000);
  world.core.mail(leader.id, follower.id, commit(leader, follower, 200));
});

Deno.test("an accept is the follower's to send", async () => {
  const { world, leader, follower } = await pair();
  await using _world = world;
  const accept = (from: SimulatedNode, to: SimulatedNode) =>
    sealObject("ek.psk_accept", world.core.hubId, {
      from: from.id,
      to: to.id,
      psk_epoch: 1,
      offer_sha256: "0".repeat(64),
      confirm: toBase64(new Uint8Array(32)),
    }, from.identity);
  world.core.mail(follower.id, leader.id, accept(follower, leader));
  assert.throws(() => world.core.mail(leader.id, follower.id, accept(leader, follower)), HubRequestRefused);
});
