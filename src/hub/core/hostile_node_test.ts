import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { HubWorld, type SimulatedNode } from "../../../tests/lib/hub_world.ts";
import { newNonce, toBase64 } from "../../mesh/encoding.ts";
import type { MembersOf } from "../../mesh/objects.ts";
import { pskLeader } from "../../mesh/psk.ts";
import { sealObject } from "../../mesh/signed_object.ts";
import { HubRequestRefused } from "../hub_core.ts";

function isTooMany(error: unknown): boolean {
  return error instanceof HubRequestRefused && error.code === "too_many" && error.status === 429;
}

/** How often a call goes through before it is refused for having come too often. */
function howOften(call: (n: number) => void): number {
  for (let n = 0; n < 1000; n++) {
    try {
      call(n);
    } catch (error) {
      assert.ok(isTooMany(error), String(error));
      return n;
    }
  }
  return 1000;
}

Deno.test("a node that rotates in a loop is stopped, and others rotate meanwhile", async () => {
  await using world = await HubWorld.open();
  const [evil, other] = [world.join("evil"), world.join("other")];
  const before = world.core.position(other.id).sequence;
  const rotations = howOften((n) => world.core.rotate(evil.id, evil.statementOf(n + 2).text));
  assert.ok(rotations >= 5 && rotations <= 20, `${rotations} rotations at once`);
  assert.equal(world.core.position(other.id).sequence - before, rotations);
  world.core.rotate(other.id, other.statementOf(2).text);
  world.clock.set(3_600_000);
  const later = howOften((n) => world.core.rotate(evil.id, evil.statementOf(n + 100).text));
  assert.ok(later >= 5 && later <= 20, `${later} rotations an hour later`);
  assert.ok(world.audit.entries.some(({ outcome, principal }) => outcome === "too_many" && principal === evil.id));
});

Deno.test("a node whose endpoints flap does not write to the disks of all others", async () => {
  await using world = await HubWorld.open();
  const [evil, other] = [world.join("evil"), world.join("other")];
  const [key] = world.core.wireguardKeys(evil.id);
  assert.ok(key !== undefined);
  const before = world.core.position(other.id).sequence;
  const changes = howOften((n) =>
    world.core.putEndpoints(evil.id, [{ kind: "lan", address: `10.0.0.${n % 250 + 1}:51820` }])
  );
  assert.ok(changes >= 5 && changes <= 40, `${changes} changes at once`);
  for (let n = 1; n <= 200; n++) {
    for (const observer of [0, 1] as const) {
      world.core.observed(key, observer, `198.51.100.7:${n + 1000}`, new Uint8Array(12).fill(n));
    }
  }
  assert.equal(world.core.position(other.id).sequence - before, changes);
  world.core.putEndpoints(other.id, [{ kind: "lan", address: "10.0.0.9:51820" }]);
  world.clock.set(60_000);
  world.core.putEndpoints(evil.id, [{ kind: "lan", address: "10.9.9.9:51820" }]);
});

Deno.test("heartbeats without end neither flood people with faults nor the disk with versions", async () => {
  await using world = await HubWorld.open();
  const evil = world.join("evil");
  let told = 0;
  world.faults.subscribe(() => told++);
  world.core.stateEnvelope(evil.id, newNonce());
  world.core.tickEnvelope(evil.id, newNonce());
  const bytes = statSync(`${world.dir}/hub.db-wal`).size;
  for (let n = 0; n < 600; n++) {
    evil.beat({
      version: `9.${n}`,
      ...n % 2 === 0 ? { state_sha256: "0".repeat(64) } : {},
    });
  }
  assert.ok(told > 0 && told <= 16, `${told} faults raised and cleared`);
  assert.ok(statSync(`${world.dir}/hub.db-wal`).size - bytes < 512 * 1024);
  world.clock.set(60_000);
  evil.beat({ version: "1.2.3" });
  assert.equal(world.admin.node("evil").version, "1.2.3");
});

Deno.test("a handshake in the future keeps nobody's rotation waiting", async () => {
  await using world = await HubWorld.open();
  const [evil, node] = [world.join("evil"), world.join("node")];
  evil.beat({ peers: [{ ...evil.link(node, "direct"), last_handshake: "2099-01-01T00:00:00Z" }] });
  node.follow();
  world.core.rotate(node.id, node.statementOf(2).text);
  world.pass(240);
  node.follow();
  assert.ok(node.types().includes("key_rotation_ready"), "the rotation goes on when the claim is 180 s old");
});

Deno.test("each node that claims to be ahead is named, counted and on record, and removing all of them ends the stop", async () => {
  await using world = await HubWorld.open();
  const [a, b, c] = [world.join("a"), world.join("b"), world.join("c")];
  a.beat({ sequence: 1000 });
  assert.match(world.admin.keys().stoppedSigning ?? "", /^a is at .*only this node says so$/);
  b.beat({ epoch: 2 ** 53 - 1, sequence: 2 ** 53 - 1 });
  const [fault] = world.faults.list();
  assert.match(fault?.detail ?? "", /^a is at .*; another node says the like$/);
  assert.deepEqual(
    world.audit.entries.filter(({ outcome }) => outcome === "hub_stopped").map(({ principal }) => principal),
    [a.id, b.id],
  );
  await world.restart();
  world.admin.remove("a", "anna");
  assert.match(world.admin.keys().stoppedSigning ?? "", /^b is at .*only this node says so$/);
  world.admin.remove("b", "anna");
  assert.equal(world.admin.keys().stoppedSigning, null);
  assert.deepEqual(world.faults.list(), []);
  c.follow();
});

/** The largest message that may go to a node: an offer of its leader. */
function offer(from: SimulatedNode, to: SimulatedNode, epoch: number): string {
  const members: MembersOf<"ek.psk_offer"> = {
    from: from.id,
    to: to.id,
    psk_epoch: epoch,
    psk_hub_id: 1,
    from_statement: "0".repeat(64),
    to_statement: "1".repeat(64),
    ciphertext: toBase64(new Uint8Array(1088)),
  };
  return sealObject("ek.psk_offer", from.world.core.hubId, members, from.identity);
}

Deno.test("mail that waits is not kept in memory, and is there when its receiver comes, over restarts", async () => {
  await using world = await HubWorld.open();
  const nodes = ["a", "b"].map((name) => world.join(name));
  const [one, other] = nodes as [SimulatedNode, SimulatedNode];
  const [from, to] = pskLeader(one.id, other.id) === one.id ? [one, other] : [other, one];
  to.follow();
  to.types();
  const texts: string[] = [];
  for (let n = 1; n <= 300; n++) {
    world.clock.set(5000);
    texts.push(offer(from, to, n));
    world.core.mail(from.id, to.id, texts.at(-1) ?? "");
  }
  await world.restart();
  const [first] = world.core.eventsAfter(to.id, 0, to.sequence + 200, 256) ?? [];
  assert.ok(first?.payload.includes(JSON.stringify(texts[200]).slice(1, -1)));
  to.follow();
  assert.equal(to.stateSha256, world.core.position(to.id).stateSha256);
});

/** `a` has no way to `b`, as both tell. */
function without(a: SimulatedNode, others: readonly SimulatedNode[], path: "none" | "relay" = "none"): void {
  a.beat({ peers: others.map((other) => a.link(other, path)) });
  for (const other of others) other.beat({ peers: [other.link(a, "none")] });
}

Deno.test("a node that is reached by nobody does not keep others from the relay", async () => {
  await using world = await HubWorld.open();
  const token = world.token(8);
  const [evil, a, b, ...others] = ["evil", "a", "b", "c", "d", "e", "f"].map((name) => world.join(name, token)) as [
    SimulatedNode,
    SimulatedNode,
    SimulatedNode,
    ...SimulatedNode[],
  ];
  for (const node of [evil, a, b, ...others]) world.core.streamOpened(node.id);
  without(evil, others);
  world.pass(30);
  // it says that its tunnels go by the relay: the other ends know better
  without(evil, others, "relay");
  assert.equal(world.relay.sessions.size, 4);
  world.pass(180);
  for (let minute = 0; minute < 3; minute++) {
    without(a, [b]);
    world.pass(30);
  }
  const pairs = [...world.relay.sessions.values()].map((session) => [session.a, session.b].sort().join());
  assert.ok(pairs.includes([a.id, b.id].sort().join()), "the honest pair is relayed");
  assert.equal(world.relay.sessions.size, 4);
  a.follow();
  assert.equal(a.stateSha256, world.core.position(a.id).stateSha256);
});

Deno.test("a session that carries its tunnel gives way to nobody, and one of nodes that are away ends after a day", async () => {
  await using world = await HubWorld.open();
  world.relay.most = 1;
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => world.join(name)) as [
    SimulatedNode,
    SimulatedNode,
    SimulatedNode,
    SimulatedNode,
  ];
  for (const node of [a, b, c, d]) world.core.streamOpened(node.id);
  without(a, [b]);
  world.pass(30);
  a.beat({ peers: [a.link(b, "relay")] });
  b.beat({ peers: [b.link(a, "relay")] });
  for (let minute = 0; minute < 6; minute++) {
    without(c, [d]);
    world.pass(60);
  }
  const [session] = world.relay.sessions.values();
  assert.deepEqual([session?.a, session?.b].sort(), [a.id, b.id].sort());
  for (const node of [a, b]) world.core.streamClosed(node.id);
  world.clock.set(13 * 3_600_000);
  world.pass(2);
  world.clock.set(13 * 3_600_000);
  world.pass(2);
  assert.equal([...world.relay.sessions.values()].some((one) => one.a === a.id || one.b === a.id), false);
});
