import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { fromBase64, toBase64 } from "../../src/mesh/encoding.ts";
import { newSeed, wireGuardKeyOf } from "../../src/mesh/keys.ts";
import { mac1Of } from "../../src/mesh/wireguard_packet.ts";
import { type EndpointObservation, observeEndpoints } from "../../src/agent/paths/observe_endpoints.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import type { Nat } from "./kit/mesh_network.ts";
import { type NatEnd, NatTunnel } from "./kit/nat_tunnel.ts";
import { Eavesdropper, sendDatagrams } from "./kit/udp_stranger.ts";

const tools = requires("network-namespaces", "wireguard-go", "nft", "ping", "python3");

/** As the agent runs it, with what the observers see told at once. */
class Observed implements AsyncDisposable {
  readonly observation: EndpointObservation;
  readonly #timer: ReturnType<typeof setInterval>;
  #told = 0;

  constructor(tunnel: NatTunnel, end: NatEnd) {
    this.observation = observeEndpoints({
      device: end.device,
      observers: () => tunnel.hub.observers,
      peerKeys: () => new Set(),
      localAddresses: () => [end.machine.address],
    });
    this.#timer = setInterval(() => {
      const { sightings } = tunnel.hub;
      for (; this.#told < sightings.length; this.#told++) {
        const sighting = sightings[this.#told];
        if (sighting === undefined || toBase64(sighting.key) !== toBase64(end.key.publicKey)) continue;
        this.observation.observed({ endpoints: [{ observer: sighting.observer, address: sighting.address }] });
      }
    }, 20);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.observation.stop();
  }
}

for (
  const [nat, kind] of [["cone", "cone"], ["symmetric", "symmetric"]] as const satisfies readonly (readonly [
    Nat,
    string,
  ])[]
) {
  Deno.test({
    name: `the observers see the tunnel's own port behind a ${nat} router, and answer nothing`,
    ...tools,
    async fn() {
      await using tunnel = await NatTunnel.create([nat, "cone"]);
      const { a, hub } = tunnel;
      await using sent = await Eavesdropper.start(a.router, "up0", 3478);
      await using observed = new Observed(tunnel, a);
      const report = await waitFor("both observers", () => {
        const now = observed.observation.report();
        return now.kind === "unknown" ? null : now;
      });
      assert.equal(report.kind, kind);
      for (const address of report.addresses) assert.match(address, new RegExp(`^${a.router.address}:\\d+$`));
      if (nat === "cone") assert.deepEqual(report.addresses, [`${a.router.address}:51820`]);
      await waitFor("the observers off the device", async () => (await a.device.state()).peers.length === 0);
      await waitFor("what was sent to be told", () => sent.seen.length >= 1);
      assert.ok(sent.seen.every((packet) => packet.length === 148));
      const { observers } = await hub.counters();
      assert.equal(observers.observed, observers.received);
    },
  });
}

Deno.test({
  name: "an observation beside a working tunnel costs it no packet",
  ...tools,
  async fn() {
    await using tunnel = await NatTunnel.create(["cone", "cone"]);
    const { a, b } = tunnel;
    await tunnel.connect(`${b.router.address}:51820`, `${a.router.address}:51820`);
    await tunnel.untilSteady();
    const before = await tunnel.peer(a);
    const pinging = a.machine.ping(b.meshIp, { count: 40, intervalS: 0.05, waitS: 5 });
    await using observed = new Observed(tunnel, a);
    await waitFor("both observers", () => observed.observation.report().kind === "cone");
    assert.deepEqual(await pinging, { sent: 40, received: 40 });
    await waitFor("the observers off the device", async () => (await a.device.state()).peers.length === 1);
    const after = await tunnel.peer(a);
    assert.equal(after?.lastHandshakeUs, before?.lastHandshakeUs);
    assert.deepEqual(after?.allowedIps, [`${b.meshIp}/32`]);
  },
});

Deno.test({
  name: "copies, strangers' keys, forgeries and floods tell the observers nothing, and a flood does not stop the hub",
  ...tools,
  async fn() {
    await using tunnel = await NatTunnel.create(["cone", "cone"]);
    const { a, hub, network } = tunnel;
    const mallory = await network.publicMachine("mallory");
    const [first] = hub.observers;
    assert.ok(first !== undefined);
    const key = fromBase64(first.public_key, 32);
    await using sent = await Eavesdropper.start(a.router, "up0", 3478);
    {
      await using observed = new Observed(tunnel, a);
      await waitFor("both observers", () => observed.observation.report().kind === "cone");
    }
    const seen = hub.sightings.length;
    const initiation = await waitFor("the initiation to be told", () => sent.seen[0]);
    const forged = () => {
      const packet = new Uint8Array(randomBytes(148));
      packet.set([1, 0, 0, 0]);
      packet.set(mac1Of(packet, key) ?? [], 116);
      return packet;
    };
    const spoiled = initiation.slice();
    spoiled[100] = (spoiled[100] ?? 0) ^ 1;
    spoiled.set(mac1Of(spoiled, key) ?? [], 116);
    const wrong = new Uint8Array(randomBytes(148));
    wrong.set([1, 0, 0, 0]);
    const packets = [initiation, initiation, forged(), spoiled, wrong, new Uint8Array(148), initiation.slice(1)];
    assert.equal(await sendDatagrams(mallory, first.address, packets, { apartMs: 150 }), 0);
    const { observers } = await hub.counters();
    assert.deepEqual(
      [observers.replayed, observers.sealed, observers.mac1, observers.form],
      [2, 2, 1, 2],
    );
    // more than one source may ask
    assert.equal(await sendDatagrams(mallory, first.address, Array.from({ length: 200 }, forged)), 0);
    const limited = (await hub.counters()).observers;
    assert.ok(limited.sealed <= 30 && limited.sourceRate >= 170, JSON.stringify(limited));
    // a removed node is a stranger
    await hub.ask({ do: "node", node: a.id, keys: [wireGuardKeyOf(newSeed()).publicKey] });
    {
      await using _observed = new Observed(tunnel, a);
      await waitFor("a question of the removed node", async () => (await hub.counters()).observers.unknownNode > 0);
    }
    assert.equal(hub.sightings.length, seen);
    // and none of it makes the hub deaf: junk is counted, and left to the kernel once it is too much
    const before = await hub.counters();
    await sendDatagrams(mallory, first.address, Array.from({ length: 30_000 }, () => wrong));
    const after = await hub.counters();
    assert.ok(after.observers.pauses > before.observers.pauses);
    assert.ok(after.observers.received - before.observers.received < 15_000);
    await hub.ask({ do: "node", node: a.id, keys: [a.key.publicKey] });
    await using observed = new Observed(tunnel, a);
    await waitFor("both observers again", () => observed.observation.report().kind === "cone");
    assert.ok(hub.sightings.length > seen);
  },
});
