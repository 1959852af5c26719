import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { fromBase64, meshTime, sha256, sha256Hex, toBase64 } from "../../mesh/encoding.ts";
import { HubRefusal } from "../../mesh/hub_admin.ts";
import { type SigningKey, signingKeyOf } from "../../mesh/keys.ts";
import { openObject, readObject, sealObject } from "../../mesh/signed_object.ts";
import { HubWorld, type SimulatedNode } from "../../../tests/lib/hub_world.ts";
import { HubRequestRefused } from "../hub_core.ts";

const admin = signingKeyOf(sha256("admin"));
const stranger = signingKeyOf(sha256("stranger"));
const nonce = toBase64(new Uint8Array(16));

function isStopped(error: unknown): boolean {
  return error instanceof HubRequestRefused && error.code === "hub_stopped" && error.status === 503;
}

function isRefusal(code: HubRefusal["code"]): (error: unknown) => boolean {
  return (error) => error instanceof HubRefusal && error.code === code;
}

/** Signs what the hub proposes. */
function recovery(world: HubWorld, key: SigningKey, change: { epoch?: number } = {}): string {
  const { hubId, epoch, keyIndex, signingKey, tlsSpki } = world.admin.proposeRecovery("anna");
  return sealObject("ek.recover", hubId, {
    epoch: change.epoch ?? epoch,
    key_index: keyIndex,
    signing_key: signingKey,
    tls_spki: [...tlsSpki],
    issued_at: meshTime(world.clock.nowUs()),
  }, key);
}

/** A hub whose store was copied, and that went on afterwards. @returns the world with the older copy in place */
async function restored(): Promise<{ world: HubWorld; a: SimulatedNode; b: SimulatedNode }> {
  const world = await HubWorld.open();
  world.admin.setAdminKey(toBase64(admin.publicKey), "anna");
  const [a, b] = [world.join("a"), world.join("b")];
  a.follow();
  await world.hub.stop();
  copyFileSync(`${world.dir}/hub.db`, `${world.dir}/copy`);
  await world.start();
  world.core.putEndpoints(b.id, [{ kind: "lan", address: "192.168.1.2:51820" }]);
  a.follow();
  await world.hub.stop();
  for (const suffix of ["-wal", "-shm"]) await Deno.remove(`${world.dir}/hub.db${suffix}`).catch(() => {});
  Deno.renameSync(`${world.dir}/copy`, `${world.dir}/hub.db`);
  await world.start();
  return { world, a, b };
}

Deno.test("a hub restored from an older copy notices by a heartbeat, signs nothing, and goes on after a signed recovery", async () => {
  const { world, a, b } = await restored();
  await using _world = world;
  b.beat();
  assert.equal(world.admin.keys().stoppedSigning, null);
  a.beat();
  assert.match(world.admin.keys().stoppedSigning ?? "", /a is at 0-3, this hub has given it 0-2/);
  assert.deepEqual(world.faults.list().map(({ code }) => code), ["hub_stopped_signing"]);
  assert.throws(() => world.core.tickEnvelope(a.id, nonce), isStopped);
  assert.throws(() => world.core.stateEnvelope(a.id, nonce), isStopped);
  assert.throws(() => world.core.timeEnvelope(nonce), isStopped);
  assert.throws(() => world.join("c"), isStopped);
  assert.throws(() => world.admin.rotateSigningKey("anna"), isRefusal("conflict"));
  // it stays so over a restart
  await world.restart();
  assert.throws(() => world.core.tickEnvelope(a.id, nonce), isStopped);
  assert.deepEqual(world.faults.list().map(({ code }) => code), ["hub_stopped_signing"]);

  assert.throws(() => world.admin.applyAdminObject(recovery(world, stranger), "anna"), isRefusal("bad_params"));
  assert.throws(
    () => world.admin.applyAdminObject(recovery(world, admin, { epoch: 9 }), "anna"),
    isRefusal("conflict"),
  );
  const open = world.token();
  const text = recovery(world, admin);
  const keys = world.admin.applyAdminObject(text, "anna");
  assert.deepEqual([keys.epoch, keys.keyIndex, keys.stoppedSigning], [1, 1, null]);
  assert.deepEqual(world.faults.list(), []);
  assert.deepEqual(world.core.keyObjects(), [text]);
  assert.throws(() => world.join("c", open), HubRequestRefused);
  assert.throws(() => world.admin.applyAdminObject(text, "anna"), isRefusal("conflict"));
  assert.equal(world.core.eventsAfter(a.id, 0, 1, 256), null);
  const { signing_key } = openObject("ek.recover", text, { hub: world.core.hubId, publicKey: admin.publicKey });
  a.hubKeys.set(1, Uint8Array.fromBase64(signing_key));
  a.fetchState();
  assert.equal(a.epoch, 1);
  assert.equal(a.stateSha256, world.core.position(a.id).stateSha256);
  assert.deepEqual(world.audit.of("hub_change").map(({ operation, principal }) => [operation, principal]).slice(-2), [
    ["recovery_propose", "anna"],
    ["admin_object", "anna"],
  ]);
});

Deno.test("two hubs with one key: the one that a node comes to with the other's events stops", async () => {
  await using one = await HubWorld.open();
  const a = one.join("a");
  const dir = await Deno.makeTempDir();
  try {
    await one.hub.stop();
    copyFileSync(`${one.dir}/hub.db`, `${dir}/hub.db`);
    await one.start();
    await using other = await HubWorld.open({}, dir);
    assert.equal(other.core.hubId, one.core.hubId);
    other.join("b");
    other.core.heartbeat(a.id, {
      epoch: 0,
      sequence: 2,
      status: "ok",
      uptime_s: 1,
      version: "1",
      binary_sha256: "0".repeat(64),
      peers: [],
    }, "192.0.2.1");
    assert.equal(other.admin.keys().stoppedSigning, null);
    a.beat({ sequence: 2 });
    assert.notEqual(one.admin.keys().stoppedSigning, null);
    assert.throws(() => one.core.stateEnvelope(a.id, nonce), isStopped);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a node at the same position with another state is told of", async () => {
  await using world = await HubWorld.open();
  const a = world.join("a");
  world.core.tickEnvelope(a.id, nonce);
  a.beat({ state_sha256: "0".repeat(64) });
  assert.deepEqual(world.faults.list().map(({ code, subject }) => [code, subject]), [["hub_state_differs", a.id]]);
  a.beat();
  assert.deepEqual(world.faults.list(), []);
});

Deno.test("a node that lies about its position silences its hub only until it is removed", async () => {
  await using world = await HubWorld.open();
  const [a, b] = [world.join("a"), world.join("b")];
  b.beat({ sequence: 1000 });
  assert.throws(() => world.core.tickEnvelope(a.id, nonce), isStopped);
  world.admin.remove("b", "anna");
  assert.equal(world.admin.keys().stoppedSigning, null);
  a.follow();
  assert.deepEqual(a.types(), ["peer_added", "peer_removed"]);
});

Deno.test("without an admin key the hub goes on with a new key and epoch that nobody vouches for", async () => {
  await using world = await HubWorld.open();
  const a = world.join("a");
  assert.throws(() => world.admin.proposeRecovery("anna"), isRefusal("not_configured"));
  a.beat({ epoch: 4, sequence: 1 });
  const keys = world.admin.recoverUnsigned("anna");
  assert.deepEqual([keys.epoch, keys.keyIndex, keys.stoppedSigning], [1, 1, null]);
  const [recovery = ""] = world.core.keyObjects();
  const { signing_key } = readObject("ek.recover", recovery);
  assert.equal(sha256Hex(fromBase64(signing_key)), keys.signingKeySha256, "the key that people compare is in it");
  openObject("ek.recover", recovery, { hub: world.core.hubId, publicKey: fromBase64(signing_key) });
  assert.throws(() => a.fetchState(), /key 1/);
  world.admin.setAdminKey(toBase64(admin.publicKey), "anna");
  assert.throws(() => world.admin.recoverUnsigned("anna"), isRefusal("conflict"));
});

Deno.test("co-signatures and revocations of the admin key reach every state; others are refused", async () => {
  await using world = await HubWorld.open();
  const [a, b] = [world.join("a"), world.join("b")];
  const { hubId } = world.core;
  const members = { node_id: a.id, mesh_ip: "10.100.0.1", serial: 5, not_after: "2099-01-01T00:00:00Z" };
  const sealed = (change: Partial<typeof members>, key = admin) =>
    sealObject("ek.cosign", hubId, { ...members, ...change }, key);
  const apply = (text: string) => world.admin.applyAdminObject(text, "anna");
  assert.throws(() => apply(sealed({})), isRefusal("not_configured"));
  assert.throws(() => world.admin.setAdminKey("AAAA", "anna"), isRefusal("bad_params"));
  assert.throws(() => world.admin.setAdminKey(toBase64(new Uint8Array(32)), "anna"), isRefusal("bad_params"));
  world.admin.setAdminKey(toBase64(admin.publicKey), "anna");
  assert.deepEqual(
    world.admin.cosignRequests().map(({ name, meshIp }) => [name, meshIp]),
    [["a", "10.100.0.1"], [
      "b",
      "10.100.0.2",
    ]].toSorted((one) => one[0] === world.admin.cosignRequests()[0]?.name ? -1 : 1),
  );
  assert.throws(() => apply(sealed({}, stranger)), isRefusal("bad_params"));
  assert.throws(() => apply(sealed({ mesh_ip: "10.100.0.9" })), isRefusal("bad_params"));
  apply(sealed({}));
  assert.throws(() => apply(sealed({ not_after: "2100-01-01T00:00:00Z" })), isRefusal("conflict"));
  b.follow();
  assert.equal(b.state.peers[0]?.cosign, sealed({}));
  assert.equal(world.admin.node("a").cosigned, true);
  apply(sealObject("ek.revoke", hubId, { serial: 1, node_ids: [a.id] }, admin));
  assert.throws(() => apply(sealObject("ek.revoke", hubId, { serial: 1, node_ids: [] }, admin)), isRefusal("conflict"));
  assert.equal(world.admin.node("a").cosigned, false);
  assert.equal(world.admin.keys().revocationSerial, 1);
  for (const node of [a, b]) {
    node.follow();
    assert.ok(node.types().includes("revocation_updated"));
    assert.equal(node.stateSha256, world.core.position(node.id).stateSha256);
  }
});
