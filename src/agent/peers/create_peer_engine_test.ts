import assert from "node:assert/strict";
import { sha256Hex, toBase64 } from "../../mesh/encoding.ts";
import { kemKeyOf } from "../../mesh/kem.ts";
import { newSeed, type SigningKey, signingKeyOf, wireGuardKeyOf } from "../../mesh/keys.ts";
import { canonicalText } from "../../mesh/canonical.ts";
import { sealObject } from "../../mesh/signed_object.ts";
import type { NodeState, StatePeer } from "../../mesh/state.ts";
import { openStatement, sealStatement } from "../../mesh/statements.ts";
import { pause } from "../../telemetry/pause.ts";
import {
  type HubEntry,
  worldCosign,
  worldHub,
  WorldKeys,
  WorldNode,
  type WorldNodeOptions,
  worldPeer,
  worldPsk,
  worldState,
} from "../../../tests/lib/peer_world.ts";
import { SimulatedDevice } from "../../../tests/lib/simulated_wireguard.ts";
import { SmallHub } from "../../../tests/lib/small_hub.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { DeviceError } from "../wireguard/wireguard_device.ts";
import type { PeerEngineParts } from "./create_peer_engine.ts";

interface TestNode {
  readonly node: WorldNode;
  readonly device: SimulatedDevice;
  readonly entry: HubEntry;
}

/** A mesh of engines on devices in memory, with a hub that may turn on them. */
class TestMesh implements AsyncDisposable {
  readonly hub = new SmallHub();
  readonly nodes: TestNode[] = [];
  /** Statements that the hub tells besides the true ones, by the hash it tells them under. */
  readonly statements = new Map<string, string>();

  /** @param speed how much faster than real time it runs: the engine's own waits are up to ten seconds */
  constructor(readonly speed = 1) {}

  async add(more: Partial<WorldNodeOptions> = {}): Promise<TestNode> {
    const keys = more.keys ?? await WorldKeys.create();
    const number = this.nodes.length + 1;
    const device = new SimulatedDevice(`dev${number}`);
    const entry: HubEntry = {
      nodeId: keys.nodeId,
      meshIp: `10.100.0.${number}`,
      statement: keys.tunnel.statement,
      endpoint: `192.0.2.${number}:51820`,
    };
    const requests = this.hub.requests(keys.nodeId);
    const node = new WorldNode({
      device,
      keys,
      meshIp: entry.meshIp,
      requests: {
        ...requests,
        statement: (sha256) => {
          const told = this.statements.get(sha256);
          return told === undefined ? requests.statement(sha256) : Promise.resolve(told);
        },
      },
      nowMs: () => performance.now() * this.speed,
      nowUs: () => Date.now() * 1000,
      pause: (ms, signal) => pause(ms / this.speed, signal),
      ...more,
    });
    this.hub.add(entry, node.engine);
    const made = { node, device, entry };
    this.nodes.push(made);
    return made;
  }

  /** Two nodes that have each other on their devices. */
  static async ofTwo(
    trust?: PeerEngineParts["trust"],
    speed?: number,
  ): Promise<{ mesh: TestMesh; a: TestNode; b: TestNode }> {
    const mesh = new TestMesh(speed);
    const a = await mesh.add(trust === undefined ? {} : { trust });
    const b = await mesh.add();
    for (const { entry } of [a, b]) {
      if (trust?.cosign === true) entry.cosign = worldCosign(admin, entry.nodeId, entry.meshIp);
    }
    await mesh.hub.tellAll();
    await mesh.joined(a, b);
    return { mesh, a, b };
  }

  /** Waits until both have each other on their devices. */
  async joined(a: TestNode, b: TestNode): Promise<void> {
    await waitFor(
      "both devices to have the other",
      () =>
        a.device.entries.has(b.entry.statement.wireguard_key) && b.device.entries.has(a.entry.statement.wireguard_key),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { node } of this.nodes) await node.engine.stop();
  }
}

const admin: SigningKey = signingKeyOf(new Uint8Array(32).fill(9));
const cosigned = { hub: worldHub, adminKey: admin.publicKey, cosign: true };

/** The state of `a` with its only peer changed. */
function lie(mesh: TestMesh, a: TestNode, change: Partial<StatePeer>, more: Partial<NodeState> = {}): NodeState {
  const state = mesh.hub.stateOf(a.entry.nodeId);
  return { ...state, ...more, peers: state.peers.map((peer) => ({ ...peer, ...change })) };
}

/** A statement that the hub tells. */
function tell(mesh: TestMesh, text: string): string {
  mesh.statements.set(sha256Hex(text), text);
  return sha256Hex(text);
}

function statusOf({ node }: TestNode, peer: TestNode) {
  return node.engine.status().find(({ nodeId }) => nodeId === peer.entry.nodeId);
}

function refusals({ node }: TestNode): string[] {
  return node.audit.of("peer_refused").map(({ outcome }) => outcome);
}

Deno.test("a compromised hub: a swapped key is refused and the tunnel keeps the true one", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo();
  await using _ = mesh;
  const before = [...a.device.entries.keys()];
  const thief = await WorldKeys.create();
  // the thief's own statement under the peer's name, and one that names the peer but is signed by the thief
  const own = tell(mesh, thief.tunnel.statement.text);
  await a.node.engine.follow(lie(mesh, a, { statement_sha256: own }));
  await waitFor("the refusal", () => refusals(a).includes("statement_of_other"));
  const { node_id, identity_key, ...members } = b.entry.statement;
  const { text: _text, sha256: _sha, typ: _typ, v: _v, hub: _hub, signature: _s, ...signed } = members;
  const forged = sealObject("ek.node", worldHub, {
    ...signed,
    node_id,
    identity_key,
    generation: 2,
    wireguard_key: thief.tunnel.statement.wireguard_key,
  }, thief.identity);
  await a.node.engine.follow(lie(mesh, a, { statement_sha256: tell(mesh, forged) }));
  await waitFor("the refusal", () => refusals(a).includes("statement_invalid"));
  // a text that is not the one of the hash
  mesh.statements.set("e".repeat(64), b.entry.statement.text);
  await a.node.engine.follow(lie(mesh, a, { statement_sha256: "e".repeat(64) }));
  await waitFor("the refusal", () => refusals(a).filter((why) => why === "statement_invalid").length === 2);
  assert.deepEqual([...a.device.entries.keys()], before);
  assert.notEqual(statusOf(a, b)?.problem, null);
  assert.ok(a.node.faults.list().some(({ code, subject }) => code === "mesh_peer_refused" && subject === node_id));
  await a.node.engine.follow(mesh.hub.stateOf(a.entry.nodeId));
  assert.equal(statusOf(a, b)?.problem, null);
  assert.deepEqual(a.node.faults.list(), []);
});

Deno.test("a compromised hub: an older statement and a second one of a generation are refused, after a restart too", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo();
  await using _ = mesh;
  const old = b.entry.statement;
  b.node.keys.tunnel = b.node.keys.make(2);
  b.entry.statement = b.node.keys.tunnel.statement;
  await mesh.hub.tellAll();
  await waitFor("the new key", () => a.device.entries.has(b.entry.statement.wireguard_key));
  assert.equal(a.device.entries.size, 1);
  const fork = b.node.keys.make(2).statement;
  const again = await mesh.add({ keys: a.node.keys, disk: a.node.disk, meshIp: a.entry.meshIp });
  for (const victim of [a, again]) {
    await victim.node.engine.follow(lie(mesh, a, { statement_sha256: tell(mesh, old.text) }));
    await waitFor("the refusal", () => refusals(victim).includes("statement_old"));
    await victim.node.engine.follow(lie(mesh, a, { statement_sha256: tell(mesh, fork.text) }));
    await waitFor("the refusal", () => refusals(victim).includes("statement_forked"));
    assert.deepEqual([...victim.device.entries.keys()], [b.entry.statement.wireguard_key]);
  }
  // taken away and brought back with the old keys
  await a.node.engine.removed(b.entry.nodeId);
  await a.node.engine.follow(lie(mesh, a, { statement_sha256: old.sha256 }));
  await waitFor("the refusal", () => statusOf(a, b)?.state === "refused");
  assert.equal(a.device.entries.size, 0);
});

Deno.test("a device that fails while peers are taken away keeps none of them, nor any of them away for good", async () => {
  const mesh = new TestMesh(20);
  await using _ = mesh;
  const [a, b, c] = [await mesh.add(), await mesh.add(), await mesh.add()];
  await mesh.hub.tellAll();
  for (const other of [b, c]) await mesh.joined(a, other);
  const { apply } = a.device;
  a.device.apply = () => {
    a.device.apply = apply;
    return Promise.reject(new DeviceError("failed", "The device did not answer"));
  };
  await a.node.engine.follow({ ...mesh.hub.stateOf(a.entry.nodeId), peers: [] }).catch(() => {});
  await waitFor("both to be off the device", () => a.device.entries.size === 0);
  assert.deepEqual(a.node.engine.status(), []);
  for (const { node, entry } of [b, c]) await node.engine.follow({ ...mesh.hub.stateOf(entry.nodeId), peers: [] });
  await mesh.hub.tellAll();
  for (const other of [b, c]) await mesh.joined(a, other);
});

Deno.test("a compromised hub: no address but an own and free one of the mesh is taken, and never a wide one", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo();
  await using _ = mesh;
  const stranger = await WorldKeys.create();
  tell(mesh, stranger.tunnel.statement.text);
  const entry = { nodeId: stranger.nodeId, statement: stranger.tunnel.statement, endpoint: "192.0.2.9:1" };
  const observers = [{ address: "10.100.0.77:3478", public_key: toBase64(wireGuardKeyOf(newSeed()).publicKey) }];
  const cases = [
    ["10.100.0.0", "address_outside"],
    ["10.100.255.255", "address_outside"],
    ["192.168.1.1", "address_outside"],
    ["0.0.0.0", "address_outside"],
    [a.entry.meshIp, "address_taken"],
    [b.entry.meshIp, "address_taken"],
    ["10.100.0.77", "address_of_observer"],
  ] as const;
  for (const [meshIp, why] of cases) {
    const peers = [worldPeer(b.entry, a.entry.nodeId), worldPeer({ ...entry, meshIp }, a.entry.nodeId)];
    await a.node.engine.follow(worldState(a.entry.meshIp, peers, { observers }));
    const status = a.node.engine.status().find(({ nodeId }) => nodeId === stranger.nodeId);
    assert.equal(status?.state, "refused", meshIp);
    assert.equal(refusals(a).at(-1), why);
    await a.node.engine.follow(worldState(a.entry.meshIp, [worldPeer(b.entry, a.entry.nodeId)], { observers }));
  }
  await a.node.engine.follow(lie(mesh, a, { mesh_ip: "10.100.0.50" }));
  assert.equal(refusals(a).at(-1), "address_changed");
  assert.deepEqual([...a.device.entries.values()].map(({ allowedIps }) => allowedIps), [["10.100.0.2/32"]]);
  assert.deepEqual(a.device.routes, ["10.100.0.2"]);
  for (const change of a.device.changes) {
    if (change.remove !== true) {
      assert.ok(change.allowedIps === undefined || change.allowedIps.join() === "10.100.0.2/32");
    }
  }
});

Deno.test("a compromised hub: no peer takes this node's, an observer's or another peer's WireGuard key", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo();
  await using _ = mesh;
  const observer = toBase64(wireGuardKeyOf(newSeed()).publicKey);
  const observers = [{ address: "203.0.113.1:3478", public_key: observer }];
  for (const key of [observer, a.entry.statement.wireguard_key, b.entry.statement.wireguard_key]) {
    const identity = signingKeyOf(newSeed());
    const kem = b.entry.statement.kem_key;
    const members = { generation: 1, issued_at: "2026-01-01T00:00:00Z", wireguard_key: key, kem_key: kem };
    const statement = openStatement(sealStatement(worldHub, members, identity), worldHub);
    tell(mesh, statement.text);
    const entry = { nodeId: statement.node_id, statement, endpoint: "192.0.2.9:1", meshIp: "10.100.0.9" };
    const peers = [worldPeer(b.entry, a.entry.nodeId), worldPeer(entry, a.entry.nodeId)];
    await a.node.engine.follow(worldState(a.entry.meshIp, peers, { observers }));
    await waitFor(
      "the refusal",
      () => a.node.engine.status().some(({ nodeId, state }) => nodeId === entry.nodeId && state === "refused"),
    );
  }
  assert.deepEqual(refusals(a), ["key_taken", "key_taken", "key_taken"]);
  assert.deepEqual([...a.device.entries.keys()], [b.entry.statement.wireguard_key]);
});

Deno.test("a compromised hub: nobody is added without the admin's co-signature, and the others go on", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo(cosigned);
  await using _ = mesh;
  assert.equal(statusOf(a, b)?.cosigned, true);
  const spy = await WorldKeys.create();
  const entry = { nodeId: spy.nodeId, statement: spy.tunnel.statement, endpoint: "192.0.2.9:1", meshIp: "10.100.0.9" };
  tell(mesh, spy.tunnel.statement.text);
  const hubKey = signingKeyOf(new Uint8Array(32).fill(1));
  const notAfter = { past: 1_600_000_000_000_000, later: 4_000_000_000_000_000 };
  const cases: [cosign: string | undefined, why: string][] = [
    [undefined, "not_cosigned"],
    [worldCosign(hubKey, spy.nodeId, entry.meshIp), "cosign_invalid"],
    [worldCosign(admin, spy.nodeId, "10.100.0.8"), "cosign_invalid"],
    [worldCosign(admin, b.entry.nodeId, entry.meshIp), "cosign_invalid"],
    [worldCosign(admin, spy.nodeId, entry.meshIp, 1, notAfter.past), "cosign_expired"],
  ];
  for (const [cosign, why] of cases) {
    const told = cosign === undefined ? entry : { ...entry, cosign };
    await a.node.engine.follow(
      worldState(a.entry.meshIp, [worldPeer(b.entry, a.entry.nodeId), worldPeer(told, a.entry.nodeId)]),
    );
    assert.equal(a.node.engine.status().find(({ nodeId }) => nodeId === spy.nodeId)?.state, "refused");
    assert.equal(refusals(a).at(-1), why);
    assert.deepEqual([...a.device.entries.keys()], [b.entry.statement.wireguard_key]);
  }
  // the same with the admin's word is admitted: it is the co-signature that was missing
  const told = { ...entry, cosign: worldCosign(admin, spy.nodeId, entry.meshIp, 1, notAfter.later) };
  await a.node.engine.follow(
    worldState(a.entry.meshIp, [worldPeer(b.entry, a.entry.nodeId), worldPeer(told, a.entry.nodeId)]),
  );
  await waitFor("it to be admitted", () => a.node.audit.of("peer_admitted").length === 2);
});

Deno.test("a compromised hub: a revocation cannot be taken back, and an older co-signature does not return", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo(cosigned);
  await using _ = mesh;
  const revocation = (serial: number, ids: string[]) =>
    sealObject("ek.revoke", worldHub, { serial, node_ids: ids as typeof a.entry.nodeId[] }, admin);
  const revoked = revocation(5, [b.entry.nodeId]);
  await a.node.engine.follow(lie(mesh, a, {}, { revocation: revoked }));
  assert.equal(statusOf(a, b)?.state, "refused");
  assert.equal(a.device.entries.size, 0);
  const hubKey = signingKeyOf(new Uint8Array(32).fill(1));
  const forged = sealObject("ek.revoke", worldHub, { serial: 9, node_ids: [] }, hubKey);
  const again = await mesh.add({ keys: a.node.keys, disk: a.node.disk, meshIp: a.entry.meshIp, trust: cosigned });
  for (const victim of [a, again]) {
    for (const offered of [undefined, revocation(4, []), revocation(5, []), forged]) {
      const state = lie(mesh, a, {}, offered === undefined ? {} : { revocation: offered });
      await victim.node.engine.follow(state);
      assert.equal(statusOf(victim, b)?.state, "refused");
      assert.equal(victim.device.entries.size, 0);
    }
    const told = victim.node.audit.of("revocation_refused").map(({ outcome }) => outcome);
    assert.deepEqual(new Set(told), new Set(["revocation_old", "revocation_forked", "revocation_invalid"]));
  }
  // a newer list without it lets it back
  await a.node.engine.follow(lie(mesh, a, {}, { revocation: revocation(6, []) }));
  await waitFor("it to be back", () => a.device.entries.size === 1);
  const serial3 = worldCosign(admin, b.entry.nodeId, b.entry.meshIp, 3);
  await a.node.engine.follow(lie(mesh, a, { cosign: serial3 }, { revocation: revocation(6, []) }));
  assert.equal(statusOf(a, b)?.problem, null);
  await a.node.engine.follow(lie(mesh, a, {}, { revocation: revocation(6, []) }));
  assert.equal(refusals(a).at(-1), "cosign_old");
});

Deno.test("a compromised hub: a co-signature that runs out takes its peer off the device", async () => {
  let hubUs = 1_900_000_000_000_000;
  const mesh = new TestMesh();
  await using _ = mesh;
  const a = await mesh.add({ trust: cosigned, nowUs: () => hubUs });
  const b = await mesh.add();
  b.entry.cosign = worldCosign(admin, b.entry.nodeId, b.entry.meshIp, 1, hubUs + 60_000_000);
  await mesh.hub.tellAll();
  await mesh.joined(a, b);
  hubUs += 61_000_000;
  await waitFor("the peer to go", () => a.device.entries.size === 0, { deadlineMs: 60_000 });
  assert.equal(refusals(a).at(-1), "cosign_expired");
});

Deno.test("a compromised hub: a stripped ML-KEM key and the mode 'hub' do not weaken the pre-shared key", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo();
  await using _ = mesh;
  const hubPart = worldPsk(a.entry.nodeId, b.entry.nodeId, 1);
  const before = [...a.device.entries.values()][0]?.psk;
  assert.ok(before !== hubPart && before !== null && before !== undefined);
  const { text: _t, sha256: _h, kem_key: _k, signature: _s, ...rest } = b.entry.statement;
  const unsigned = { ...rest, generation: 2 };
  const signature = toBase64(b.node.keys.identity.sign(new TextEncoder().encode(canonicalText(unsigned))));
  const stripped = tell(mesh, canonicalText({ ...unsigned, signature }));
  await a.node.engine.follow(lie(mesh, a, { statement_sha256: stripped }));
  await waitFor("the refusal", () => refusals(a).includes("statement_invalid"));
  await a.node.engine.follow(lie(mesh, a, {}, { psk_mode: "hub" }));
  assert.equal(a.node.audit.of("psk_downgrade_refused").length, 1);
  assert.ok(a.node.faults.list().some(({ code }) => code === "mesh_psk_downgrade"));
  assert.equal([...a.device.entries.values()][0]?.psk, before);
  // nor after a restart, nor for a peer that is new
  const again = await mesh.add({ keys: a.node.keys, disk: a.node.disk, meshIp: a.entry.meshIp });
  await again.node.engine.follow(lie(mesh, a, {}, { psk_mode: "hub" }));
  assert.equal([...again.device.entries.values()][0]?.psk, before);
});

Deno.test("a compromised hub: offers of its own making, and offers for another pair, are refused", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo();
  await using _ = mesh;
  const [leader, follower] = a.entry.nodeId < b.entry.nodeId ? [a, b] : [b, a];
  const before = [...follower.device.entries.values()][0]?.psk;
  const members = {
    from: leader.entry.nodeId,
    to: follower.entry.nodeId,
    psk_epoch: 2,
    psk_hub_id: 1,
    from_statement: leader.entry.statement.sha256,
    to_statement: follower.entry.statement.sha256,
  };
  const hubKey = signingKeyOf(new Uint8Array(32).fill(1));
  const refused = () => follower.node.audit.of("psk_mail_refused").map(({ outcome }) => outcome);
  await follower.node.engine.mail(sealObject("ek.psk_offer", worldHub, members, hubKey));
  assert.deepEqual(refused(), ["E_SIGNATURE"]);
  await follower.node.engine.mail("{}");
  await follower.node.engine.mail("x".repeat(5000));
  const toOther = { ...members, to: `n_${"f".repeat(32)}` as typeof members.to };
  await follower.node.engine.mail(sealObject("ek.psk_offer", worldHub, toOther, leader.node.keys.identity));
  const stranger = await WorldKeys.create();
  const fromStranger = { ...members, from: stranger.nodeId };
  await follower.node.engine.mail(sealObject("ek.psk_offer", worldHub, fromStranger, stranger.identity));
  assert.deepEqual(refused().slice(1), ["E_FORM", "E_SIZE", "psk_role", "not_a_peer"]);
  // replays of what passed change nothing
  const record = JSON.stringify(follower.node.disk.record(leader.entry.nodeId));
  for (const message of [...mesh.hub.mails]) {
    for (const { node } of [a, b]) await node.engine.mail(message);
  }
  assert.equal(JSON.stringify(follower.node.disk.record(leader.entry.nodeId)), record);
  assert.equal([...follower.device.entries.values()][0]?.psk, before);
});

Deno.test("a peer is on the device only after the exchange, and never with the hub's part alone", async () => {
  const mesh = new TestMesh(20);
  await using _ = mesh;
  const a = await mesh.add();
  const b = await mesh.add();
  await a.node.engine.follow(mesh.hub.stateOf(a.entry.nodeId));
  await waitFor("the statement", () => a.node.audit.of("peer_admitted").length === 1);
  assert.equal(statusOf(a, b)?.state, "pending");
  assert.equal(a.device.changes.length, 0);
  await b.node.engine.follow(mesh.hub.stateOf(b.entry.nodeId));
  await mesh.joined(a, b);
  for (const { device } of [a, b]) {
    for (const { psk } of device.entries.values()) assert.notEqual(psk, worldPsk(a.entry.nodeId, b.entry.nodeId, 1));
  }
});

Deno.test("a peer whose next statement has another ML-KEM key gets a fresh secret sent to that key", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo();
  await using _ = mesh;
  const agreed = () =>
    [a.node.disk.record(b.entry.nodeId), b.node.disk.record(a.entry.nodeId)].map((record) => record?.psk);
  await waitFor("both to agree", () => agreed().every((psk) => psk?.committed === 1 && psk.open === null));
  const first = agreed()[0]?.keys[0]?.kem_secret;
  const kem = await kemKeyOf(newSeed(64));
  b.node.keys.tunnel = b.node.keys.make(2, kem);
  Object.assign(b.node.keys, { kem });
  b.entry.statement = b.node.keys.tunnel.statement;
  await mesh.hub.tellAll();
  await waitFor("the second key", () => agreed().every((psk) => psk?.committed === 2 && psk.open === null));
  const [ofA, ofB] = agreed().map((psk) => psk?.keys.at(-1));
  assert.equal(ofA?.kem_secret, ofB?.kem_secret);
  assert.notEqual(ofA?.kem_secret, first);
});

Deno.test("in mode 'hub' from the first state on the hub's part is the key, and a change of it is followed", async () => {
  const mesh = new TestMesh();
  await using _ = mesh;
  mesh.hub.more = { psk_mode: "hub" };
  const a = await mesh.add();
  const b = await mesh.add();
  await mesh.hub.tellAll();
  await mesh.joined(a, b);
  assert.deepEqual([...a.device.entries.values()].map(({ psk }) => psk), [worldPsk(a.entry.nodeId, b.entry.nodeId, 1)]);
  await mesh.hub.changePsk(a.entry.nodeId, b.entry.nodeId);
  const second = worldPsk(a.entry.nodeId, b.entry.nodeId, 2);
  for (const { device } of [a, b]) assert.deepEqual([...device.entries.values()].map(({ psk }) => psk), [second]);
  // once the hub offers more there is no way back
  mesh.hub.more = { psk_mode: "end-to-end" };
  await mesh.hub.tellAll();
  await waitFor("keys end to end", () => [...a.device.entries.values()].some(({ psk }) => psk !== second));
  mesh.hub.more = { psk_mode: "hub" };
  await mesh.hub.tellAll();
  assert.notEqual([...a.device.entries.values()][0]?.psk, second);
});

Deno.test("while the disk is full nothing new is begun, the tunnel stays, and it goes on when there is room", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo();
  await using _ = mesh;
  const [leader] = a.entry.nodeId < b.entry.nodeId ? [a, b] : [b, a];
  const before = [...leader.device.entries.values()][0]?.psk;
  leader.node.disk.full = true;
  await mesh.hub.changePsk(a.entry.nodeId, b.entry.nodeId);
  assert.equal([...leader.device.entries.values()][0]?.psk, before);
  assert.deepEqual(leader.node.faults.list().map(({ code }) => code), ["mesh_storage_failed"]);
  leader.node.disk.full = false;
  await waitFor("the new key", () => {
    const psks = [a, b].map(({ device }) => [...device.entries.values()][0]?.psk);
    return psks[0] === psks[1] && psks[0] !== before;
  });
  await waitFor("the fault to go", () => leader.node.faults.list().length === 0, { deadlineMs: 60_000 });
});

Deno.test("a disk that is full while the own key is rotated keeps the key that works, and the rotation ends later", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo(undefined, 20);
  await using _ = mesh;
  const { keys } = a.node;
  const before = keys.tunnel.statement.wireguard_key;
  let full = "keys switching";
  keys.point = (where, when) => {
    if (where === full && when === "before") throw new Error("No space left on device");
  };
  await a.node.engine.rotateOwnKey();
  await waitFor("the disk to refuse", () => a.node.faults.list().some(({ code }) => code === "mesh_storage_failed"));
  assert.equal(a.device.publicKey, before);
  assert.deepEqual([...b.device.entries.keys()], [before]);
  full = "keys commit";
  await waitFor("the switch", () => a.device.publicKey !== before && b.device.entries.has(a.device.publicKey ?? ""));
  assert.equal(keys.next?.switched, true);
  full = "nothing";
  await waitFor("the end of the rotation", () => keys.next === null, { deadlineMs: 60_000 });
  assert.equal(keys.tunnel.statement.wireguard_key, a.device.publicKey);
  assert.deepEqual([...b.device.entries.keys()], [a.device.publicKey]);
});

Deno.test("a peer whose record is damaged is refused, and the others go on", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo();
  await using _ = mesh;
  const c = await mesh.add();
  a.node.disk.damaged.push(c.entry.nodeId);
  const again = await mesh.add({ keys: a.node.keys, disk: a.node.disk, meshIp: a.entry.meshIp });
  const peers = [b, c].map(({ entry }) => worldPeer(entry, a.entry.nodeId));
  await again.node.engine.follow(worldState(a.entry.meshIp, peers));
  assert.equal(statusOf(again, c)?.state, "refused");
  assert.deepEqual([...again.device.entries.keys()], [b.entry.statement.wireguard_key]);
});

Deno.test("a stranger on the device goes, an observer stays, and a peer that somebody took off comes back", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo();
  await using _ = mesh;
  const stranger = wireGuardKeyOf(newSeed()).publicKey;
  const observer = wireGuardKeyOf(newSeed()).publicKey;
  mesh.hub.more = { observers: [{ address: "203.0.113.1:3478", public_key: toBase64(observer) }] };
  await a.device.apply([
    { publicKey: stranger, allowedIps: ["10.100.0.9/32"] },
    { publicKey: observer, endpoint: "203.0.113.1:3478" },
  ]);
  a.device.entries.delete(b.entry.statement.wireguard_key);
  await mesh.hub.tellAll();
  const wanted = [b.entry.statement.wireguard_key, toBase64(observer)].toSorted().join();
  await waitFor("the device to be as it should be", () => [...a.device.entries.keys()].toSorted().join() === wanted);
});

Deno.test("unchanged peers are not touched when states come again", async () => {
  const { mesh, a, b } = await TestMesh.ofTwo();
  await using _ = mesh;
  await waitFor("both to agree", () => [a, b].every(({ node }) => node.audit.of("psk_agreed").length > 0));
  await mesh.hub.tellAll();
  const before = [a, b].map(({ device }) => device.changes.length);
  for (let time = 0; time < 5; time++) await mesh.hub.tellAll();
  assert.deepEqual([a, b].map(({ device }) => device.changes.length), before);
});
