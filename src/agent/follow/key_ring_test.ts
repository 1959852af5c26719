import assert from "node:assert/strict";
import { ScriptedHub } from "../../../tests/lib/follow_world.ts";
import { sha256Hex, toBase64 } from "../../mesh/encoding.ts";
import { signingKeyOf } from "../../mesh/keys.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import type { Trust } from "../files/trust.ts";
import { acceptHub } from "./accept_hub.ts";
import { KeyRing } from "./key_ring.ts";

const key = (byte: number) => signingKeyOf(new Uint8Array(32).fill(byte));
const refusedAs = (code: string) => (error: unknown) => error instanceof MeshError && error.code === code;

/** A ring on a hub of the test's, with a clock of the test's and a disk that may be full. */
function ringOf(hub: ScriptedHub, { admin = true } = {}) {
  const world = { nowMs: 0, full: false, saved: [] as Trust[], pinned: 0 };
  const ring = new KeyRing({
    trust: {
      hub: hub.id,
      url: "https://hub.example:8443",
      signing_key: toBase64(hub.first.publicKey),
      key_index: 0,
      tls_spki: hub.state.tls_spki,
      ...admin ? { admin_key: toBase64(hub.admin.publicKey) } : {},
      cosign: false,
      recovered_epoch: 0,
      accept_any_position: false,
      mesh_ip: "10.100.0.1",
      mesh_cidr: "10.100.0.0/16",
      joined_us: 0,
    },
    save: (trust) =>
      world.full ? Promise.reject(new Error("No space left")) : Promise.resolve(void world.saved.push(trust)),
    monotonicMs: () => world.nowMs,
    onPins: () => world.pinned++,
  });
  return { ring, world };
}

Deno.test("the key before a link verifies for ten minutes more, and never links", async () => {
  const hub = new ScriptedHub();
  const { ring, world } = ringOf(hub);
  assert.equal(await ring.link(hub.rotate(21)), true);
  assert.deepEqual([ring.keyOf(0), ring.keyOf(1), ring.keyOf(2)], [hub.first.publicKey, key(21).publicKey, null]);
  // a thief of the old key
  [hub.key, hub.keyIndex] = [hub.first, 1];
  await assert.rejects(ring.link(hub.rotate(66)), refusedAs("E_SIGNATURE"));
  world.nowMs = 600_000;
  assert.equal(ring.keyOf(0), null);
});

Deno.test("the first link that is applied is final", async () => {
  const hub = new ScriptedHub();
  const { ring } = ringOf(hub);
  const link = hub.rotate(21);
  [hub.key, hub.keyIndex] = [hub.first, 0];
  const second = hub.rotate(22);
  await ring.link(link);
  assert.equal(await ring.link(second), false);
  assert.deepEqual(ring.keyOf(1), key(21).publicKey);
});

Deno.test("a link that leaves one out is refused", async () => {
  const hub = new ScriptedHub();
  const { ring } = ringOf(hub);
  hub.rotate(21);
  await assert.rejects(ring.link(hub.rotate(22)), refusedAs("E_KEY"));
});

Deno.test("a key that cannot be stored is not trusted", async () => {
  const hub = new ScriptedHub();
  const { ring, world } = ringOf(hub);
  world.full = true;
  await assert.rejects(ring.link(hub.rotate(21)), /No space left/);
  assert.deepEqual([ring.trust.key_index, ring.keyOf(1)], [0, null]);
});

Deno.test("a recovery ends the key before at once, counts once, and only with the admin's signature", async () => {
  const hub = new ScriptedHub();
  const { ring } = ringOf(hub);
  await assert.rejects(ring.recover(hub.recover(30, key(31)), 1), refusedAs("E_SIGNATURE"));
  const text = hub.recover(32);
  assert.equal(await ring.recover(text, 1), true);
  assert.deepEqual([ring.keyOf(0), ring.keyOf(2)], [null, key(32).publicKey]);
  assert.equal(await ring.recover(text, 1), false);
  assert.equal(await ringOf(hub, { admin: false }).ring.recover(text, 1), false);
});

Deno.test("root may accept the hub by the fingerprint of its key, known or recovered, and no other", async () => {
  const hub = new ScriptedHub();
  const { ring } = ringOf(hub, { admin: false });
  const client = { hubKeys: () => Promise.resolve({ links: hub.links, recoveries: hub.recoveries }) };
  const accept = (fingerprint: string) => acceptHub({ ring, client }, fingerprint);
  await accept(sha256Hex(hub.first.publicKey).toUpperCase().replace(/(..)(?=.)/g, "$1:"));
  assert.equal(ring.trust.accept_any_position, true);
  await assert.rejects(accept("abcd"), refusedAs("E_KEY"));
  await assert.rejects(accept(sha256Hex(key(40).publicKey)), refusedAs("E_KEY"));
  hub.recover(40, key(41));
  await accept(sha256Hex(key(40).publicKey));
  assert.deepEqual([ring.trust.recovered_epoch, ring.keyOf(1)], [2, key(40).publicKey]);
});

Deno.test("pins of a recovery that root accepted count only when its own key signed them", async () => {
  const hub = new ScriptedHub();
  const { ring } = ringOf(hub, { admin: false });
  const before = hub.state.tls_spki;
  hub.state = { ...hub.state, tls_spki: ["2".repeat(64)] };
  await ring.acceptRecovery(hub.recover(40, key(41)), sha256Hex(key(40).publicKey));
  assert.deepEqual(ring.trust.tls_spki, before);
  await ring.acceptRecovery(hub.recover(42, key(42)), sha256Hex(key(42).publicKey));
  assert.deepEqual(ring.trust.tls_spki, ["2".repeat(64)]);
});

Deno.test("other pins are told of, the same ones are not", async () => {
  const hub = new ScriptedHub();
  const { ring, world } = ringOf(hub);
  await ring.pins(hub.state.tls_spki);
  assert.equal(world.saved.length, 0);
  await ring.pins(["1".repeat(64)]);
  assert.deepEqual([world.pinned, world.saved.at(-1)?.tls_spki], [1, ["1".repeat(64)]]);
});

Deno.test("what root accepts and what the hub says at the same moment both stay", async () => {
  const hub = new ScriptedHub();
  const { ring, world } = ringOf(hub);
  const pins = ["1".repeat(64)];
  const link = hub.rotate(23);
  const [, , taken] = await Promise.all([ring.pins(pins), ring.acceptAnyPosition(true), ring.link(link)]);
  assert.deepEqual([taken, ring.trust.accept_any_position, ring.trust.key_index], [true, true, 1]);
  assert.deepEqual(world.saved.at(-1), ring.trust);
  // the link is the one of the key before the recovery, which came first
  const next = hub.rotate(25);
  hub.keyIndex--;
  assert.deepEqual(await Promise.all([ring.recover(hub.recover(24), 1), ring.link(next)]), [true, false]);
  assert.equal(ring.keyOf(1), null);
});
