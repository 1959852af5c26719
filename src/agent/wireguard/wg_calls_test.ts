import assert from "node:assert/strict";
import { toBase64 } from "../../mesh/encoding.ts";
import { newSeed } from "../../mesh/keys.ts";
import { parseWgDump } from "./wg_dump.ts";
import { wgCalls } from "./wg_calls.ts";
import { DeviceError, type PeerChange } from "./wireguard_device.ts";

const whole = (): PeerChange & { readonly psk: Uint8Array } => ({
  publicKey: newSeed(),
  psk: newSeed(),
  endpoint: "192.0.2.1:51820",
  allowedIps: ["10.100.0.2/32"],
  keepaliveS: 25,
});

Deno.test("no pre-shared key is ever an argument of wg", () => {
  const changes = [whole(), whole(), { publicKey: newSeed(), remove: true as const }, whole(), whole()];
  const calls = wgCalls("edgekeep0", changes);
  const words = calls.flatMap(({ args }) => args);
  for (const change of changes) {
    if (change.remove) continue;
    assert.ok(!words.includes(toBase64(change.psk)));
    assert.equal(calls.filter(({ stdin }) => stdin?.includes(toBase64(change.psk))).length, 1);
  }
});

Deno.test("replacing one peer by another is one call, also between others", () => {
  const old = { publicKey: newSeed(), remove: true as const };
  const replacement = whole();
  for (
    const changes of [[old, replacement], [whole(), old, replacement], [whole(), whole(), old, replacement, whole()]]
  ) {
    const calls = wgCalls("edgekeep0", changes);
    const together = calls.filter(({ args }) =>
      args.includes(toBase64(old.publicKey)) && args.includes(toBase64(replacement.publicKey))
    );
    assert.equal(together.length, 1, JSON.stringify(calls.map(({ args }) => args)));
  }
});

Deno.test("a thousand new peers are one call", () => {
  const calls = wgCalls("edgekeep0", Array.from({ length: 1000 }, whole));
  assert.deepEqual(calls.map(({ args }) => args), [["addconf", "edgekeep0", "/dev/stdin"]]);
});

Deno.test("a change that says not all of a peer never goes by addconf, which would empty the rest", () => {
  const psk = newSeed();
  const calls = wgCalls("edgekeep0", [
    { publicKey: newSeed(), psk },
    { publicKey: newSeed(), psk: newSeed() },
    whole(),
  ]);
  assert.deepEqual(calls.map(({ args }) => args[0]), ["set", "set", "set"]);
  assert.deepEqual(wgCalls("edgekeep0", []), []);
});

Deno.test("what wg prints of a device is read strictly", () => {
  const [own, peer] = [newSeed(), newSeed()];
  const text = `${toBase64(newSeed())}\t${toBase64(own)}\t51820\toff\n` +
    `${toBase64(peer)}\t(none)\t(none)\t(none)\t0\t0\t0\toff\n`;
  assert.deepEqual(parseWgDump(text), {
    publicKey: new Uint8Array(own),
    listenPort: 51820,
    peers: [{
      publicKey: new Uint8Array(peer),
      hasPsk: false,
      endpoint: null,
      allowedIps: [],
      keepaliveS: 0,
      lastHandshakeUs: null,
      rxBytes: 0,
      txBytes: 0,
    }],
  });
  assert.equal(parseWgDump("(none)\t(none)\t0\toff\n").publicKey, null);
  for (const unsound of ["", "x", text.replace("51820", "many"), text.replaceAll("\t", " "), `${text}a\tb\n`]) {
    assert.throws(() => parseWgDump(unsound), DeviceError);
  }
});
