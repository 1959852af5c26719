import assert from "node:assert/strict";
import { fromBase64, toBase64 } from "../../mesh/encoding.ts";
import { VirtualClock } from "../../../tests/lib/virtual_clock.ts";
import type { DevicePeer, PeerChange } from "../wireguard/wireguard_device.ts";
import { observeEndpoints } from "./observe_endpoints.ts";

// With real tunnels and observers: tests/mesh/observers_test.ts.

const key = (byte: number) => toBase64(new Uint8Array(32).fill(byte));
const observers = [{ address: "203.0.113.1:3478", public_key: key(1) }, {
  address: "203.0.113.1:3479",
  public_key: key(2),
}];

/** The device's peers and nothing else of it. */
class Peers {
  readonly all = new Map<string, DevicePeer>();
  readonly changes: string[] = [];
  failing = false;

  constructor(...peers: readonly (readonly [key: string, allowedIps: readonly string[]])[]) {
    for (const [publicKey, allowedIps] of peers) this.#set(publicKey, allowedIps);
  }

  state() {
    if (this.failing) return Promise.reject(new Error("no device"));
    return Promise.resolve({ publicKey: fromBase64(key(9)), listenPort: 51820, peers: [...this.all.values()] });
  }

  apply(changes: readonly PeerChange[]) {
    for (const change of changes) {
      const publicKey = toBase64(change.publicKey);
      this.changes.push(`${change.remove ? "-" : "+"}${publicKey.slice(0, 2)}`);
      if (change.remove) this.all.delete(publicKey);
      else this.#set(publicKey, change.allowedIps ?? []);
    }
    return Promise.resolve();
  }

  #set(publicKey: string, allowedIps: readonly string[]): void {
    this.all.set(publicKey, {
      publicKey: fromBase64(publicKey),
      hasPsk: false,
      endpoint: null,
      allowedIps,
      keepaliveS: 25,
      lastHandshakeUs: null,
      rxBytes: 0,
      txBytes: 0,
    });
  }
}

function observation(
  device: Peers,
  more: { readonly peerKeys?: readonly string[]; readonly observers?: () => typeof observers } = {},
) {
  const clock = new VirtualClock();
  const reports: string[] = [];
  const running = observeEndpoints({
    device,
    observers: more.observers ?? (() => observers),
    peerKeys: () => new Set(more.peerKeys),
    localAddresses: () => [],
    onReport: ({ kind }) => reports.push(kind),
    random: () => 0.5,
    pause: clock.pause,
  });
  return { clock, reports, running };
}

const answer = (observer: number, port: number) => ({ endpoints: [{ observer, address: `203.0.113.9:${port}` }] });
const one = key(1).slice(0, 2);
const two = key(2).slice(0, 2);

Deno.test("Observers are peers until both have told, or for 15 s", async () => {
  const device = new Peers();
  const { clock, reports, running } = observation(device);
  await clock.advance(1000);
  assert.deepEqual(device.changes, [`+${one}`, `+${two}`]);
  running.observed(answer(0, 7));
  await clock.advance(1000);
  assert.equal(device.all.size, 2);
  running.observed(answer(1, 7));
  await clock.advance(0);
  assert.equal(device.all.size, 0);
  assert.deepEqual([reports, running.report().kind], [["unknown", "cone"], "cone"]);

  // 300 s later nobody answers
  await clock.advance(300_001);
  assert.equal(device.all.size, 2);
  await clock.advance(15_000);
  assert.equal(device.all.size, 0);
  assert.deepEqual([running.report().kind, running.report().reached], ["unknown", false]);
  await running.stop();
});

Deno.test("Somebody who asks is heard, but not more often than every 10 s", async () => {
  const device = new Peers();
  const { clock, running } = observation(device);
  await clock.advance(0);
  running.observed({ endpoints: [...answer(0, 7).endpoints, ...answer(1, 8).endpoints] });
  await clock.advance(0);
  assert.equal(running.report().kind, "symmetric");
  for (let n = 0; n < 5; n++) running.look("network");
  await clock.advance(9_000);
  assert.equal(device.all.size, 0);
  await clock.advance(1_001);
  assert.equal(device.all.size, 2);
  await clock.advance(60_000);
  assert.equal(device.changes.filter((change) => change.startsWith("+")).length, 4);
  await running.stop();
});

Deno.test("A node that does not know the observers yet asks them as soon as it does", async () => {
  const device = new Peers();
  let known: typeof observers = [];
  const { clock, running } = observation(device, { observers: () => known });
  await clock.advance(100);
  assert.deepEqual(device.changes, []);
  known = observers;
  running.look("observers");
  await clock.advance(0);
  assert.equal(device.all.size, 2);
  await running.stop();
});

Deno.test("A hub that calls this machine, or a group, an observer makes it send nothing there", async () => {
  const device = new Peers();
  const addresses = ["127.0.0.1:53", "[::ffff:127.0.0.1]:53", "224.0.0.251:5353", "255.255.255.255:67"];
  const named = addresses.map((address, n) => ({ address, public_key: key(n + 1) }));
  const { clock, running } = observation(device, { observers: () => named });
  await clock.advance(20_000);
  assert.deepEqual(device.changes, []);
  await running.stop();
});

Deno.test("A peer's key is never touched, whoever calls it an observer's", async () => {
  const onDevice = new Peers([key(1), ["10.100.0.2/32"]]);
  const first = observation(onDevice, { peerKeys: [key(2)] });
  await first.clock.advance(20_000);
  await first.running.stop();
  assert.deepEqual(onDevice.changes, []);
  assert.deepEqual(onDevice.all.get(key(1))?.allowedIps, ["10.100.0.2/32"]);

  // it becomes a peer's while it is observed
  const later = new Peers();
  const second = observation(later);
  await second.clock.advance(1000);
  later.all.set(key(1), { ...later.all.get(key(1)) ?? assert.fail(), allowedIps: ["10.100.0.2/32"] });
  await second.clock.advance(20_000);
  await second.running.stop();
  assert.deepEqual([...later.all.keys()], [key(1)]);
});

Deno.test("What a killed agent left behind is taken away, and a stop leaves nothing", async () => {
  const device = new Peers([key(1), []]);
  const { clock, running } = observation(device);
  await clock.advance(0);
  assert.deepEqual(device.changes, [`-${one}`, `+${one}`, `+${two}`]);
  await running.stop();
  assert.equal(device.all.size, 0);
});

Deno.test("A device that fails is asked again with the next observation", async () => {
  const device = new Peers();
  device.failing = true;
  const { clock, running } = observation(device);
  await clock.advance(1000);
  device.failing = false;
  running.look("path");
  await clock.advance(10_000);
  assert.equal(device.all.size, 2);
  await running.stop();
});
