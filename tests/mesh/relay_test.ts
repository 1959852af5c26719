import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mac1Of, packetKind } from "../../src/mesh/wireguard_packet.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import { NatTunnel } from "./kit/nat_tunnel.ts";
import { Eavesdropper, sendDatagrams } from "./kit/udp_stranger.ts";

const tools = requires("network-namespaces", "wireguard-go", "nft", "ping", "python3", "conntrack");

/** What it looks like from outside: right in form, indices and contents made up. */
function forged(type: 1 | 2 | 3 | 4, receiver?: Uint8Array): Uint8Array {
  const packet = new Uint8Array(randomBytes({ 1: 148, 2: 92, 3: 64, 4: 96 }[type]));
  packet.set([type, 0, 0, 0]);
  if (receiver !== undefined) packet.set(mac1Of(packet, receiver) ?? [], packet.length - 32);
  return packet;
}

const many = (count: number, make: () => Uint8Array) => Array.from({ length: count }, make);

async function relayed(): Promise<NatTunnel & { readonly ofA: string; readonly ofB: string }> {
  const tunnel = await NatTunnel.create(["symmetric", "symmetric"]);
  try {
    const { a, b, hub } = tunnel;
    const { ofA, ofB } = await hub.relay(a.id, b.id);
    await tunnel.connect(ofA, ofB);
    await tunnel.untilSteady();
    return Object.assign(tunnel, { ofA, ofB });
  } catch (error) {
    await tunnel[Symbol.asyncDispose]();
    throw error;
  }
}

Deno.test({
  name: "two nodes behind symmetric routers have no direct way, and a tunnel through the relay",
  ...tools,
  async fn() {
    await using tunnel = await NatTunnel.create(["symmetric", "symmetric"]);
    const { a, b, hub } = tunnel;
    await tunnel.connect(`${b.router.address}:51820`, `${a.router.address}:51820`);
    assert.equal((await a.machine.ping(b.meshIp, { count: 12, intervalS: 0.5, waitS: 5 })).received, 0);
    const { ofA, ofB } = await hub.relay(a.id, b.id);
    await tunnel.connect(ofA, ofB);
    await tunnel.untilSteady();
    assert.deepEqual(await b.machine.ping(a.meshIp, { count: 20, intervalS: 0.05, waitS: 5 }), {
      sent: 20,
      received: 20,
    });
    assert.equal((await tunnel.peer(a))?.endpoint, ofA);
    assert.equal((await tunnel.peer(b))?.endpoint, ofB);
    assert.ok((await hub.counters()).relay.forwardedBytes > 40 * 100);
  },
});

Deno.test({
  name: "a stranger who knows every public key gets no byte of a relayed tunnel, and costs it no packet",
  ...tools,
  async fn() {
    await using tunnel = await relayed();
    const { a, b, hub, ofA, ofB } = tunnel;
    const stranger = await tunnel.network.publicMachine("mallory");
    const handshakes = (await tunnel.peer(a))?.lastHandshakeUs;
    const pinging = a.machine.ping(b.meshIp, { count: 60, intervalS: 0.1, waitS: 5 });
    for (const [endpoint, receiver] of [[ofA, b], [ofB, a]] as const) {
      const packets = [
        ...many(40, () => forged(1, receiver.key.publicKey)),
        ...many(40, () => forged(2, receiver.key.publicKey)),
        ...many(40, () => forged(3)),
        ...many(400, () => forged(4)),
        ...many(40, () => forged(1)),
        new Uint8Array(0),
        new Uint8Array(1472),
      ];
      assert.equal(await sendDatagrams(stranger, endpoint, packets, { apartMs: 2 }), 0);
    }
    assert.deepEqual(await pinging, { sent: 60, received: 60 });
    assert.equal((await tunnel.peer(a))?.lastHandshakeUs, handshakes);
    const { drops } = await hub.counters();
    assert.ok(drops.index >= 880 && drops.mac1 >= 80 && drops.form >= 4 && drops.rate >= 40, JSON.stringify(drops));
  },
});

Deno.test({
  name: "packets seen on the way and sent again from elsewhere cost a relayed tunnel next to nothing",
  ...tools,
  async fn() {
    await using tunnel = await NatTunnel.create(["symmetric", "symmetric"]);
    const { a, b, hub } = tunnel;
    const stranger = await tunnel.network.publicMachine("mallory");
    const { ofA, ofB } = await hub.relay(a.id, b.id);
    await using ear = await Eavesdropper.start(a.router, "up0", Number(ofA.split(":")[1]));
    await tunnel.connect(ofA, ofB);
    await tunnel.untilSteady();
    await a.machine.ping(b.meshIp, { count: 10, intervalS: 0.05, waitS: 5 });
    // what it prints arrives some time after what it saw
    const { handshake, transport } = await waitFor("handshakes and packets to have been seen", () => {
      const seen = ear.seen.slice();
      const handshake = seen.filter((packet) =>
        packetKind(packet) === "initiation" || packetKind(packet) === "response"
      );
      const transport = seen.filter((packet) => packetKind(packet) === "transport");
      return handshake.length >= 1 && transport.length >= 10 && { handshake, transport };
    });
    const before = (await tunnel.peer(a))?.lastHandshakeUs;

    // Handshake messages move nothing. One that was lost on its way to the receiver is answered, once, for the
    // receiver has not seen it: a response of 92 bytes that leads to no session.
    const pinging = a.machine.ping(b.meshIp, { count: 30, intervalS: 0.1, waitS: 5 });
    const replays = Array.from({ length: 30 }, (_, n) => handshake[n % handshake.length] ?? assert.fail());
    const got = await sendDatagrams(stranger, ofA, replays, { apartMs: 60 });
    assert.ok(got === 0 || got === 92, `${got} bytes came back`);
    assert.deepEqual(await pinging, { sent: 30, received: 30 });

    // transport messages move A's place, but no further than to its next packet: a question is answered after each
    for (const copy of transport.slice(0, 10)) {
      await sendDatagrams(stranger, ofA, [copy]);
      assert.deepEqual(await a.machine.ping(b.meshIp, { count: 1, waitS: 5 }), { sent: 1, received: 1 });
    }
    assert.equal((await tunnel.peer(a))?.lastHandshakeUs, before);
  },
});

Deno.test({
  name: "a node whose router forgets it is found again by the relay with its next packet",
  ...tools,
  async fn() {
    await using tunnel = await relayed();
    const { a, b } = tunnel;
    const before = (await tunnel.peer(a))?.lastHandshakeUs;
    await a.router.ok("conntrack", ["-D", "-p", "udp"]);
    assert.deepEqual(await a.machine.ping(b.meshIp, { count: 10, intervalS: 0.1, waitS: 5 }), {
      sent: 10,
      received: 10,
    });
    assert.equal((await tunnel.peer(a))?.lastHandshakeUs, before);
  },
});

Deno.test({
  name: "a relay session ends at its time, and nothing passes any more",
  ...tools,
  async fn() {
    await using tunnel = await NatTunnel.create(["symmetric", "symmetric"]);
    const { a, b, hub } = tunnel;
    const lastsMs = 600_000;
    const { ofA, ofB } = await hub.relay(a.id, b.id, lastsMs);
    await tunnel.connect(ofA, ofB);
    await tunnel.untilSteady();
    await hub.ask({ do: "skip", ms: lastsMs });
    await waitFor("the end of the session", async () => (await hub.counters()).relay.sessions === 0, { everyMs: 200 });
    assert.equal(await a.machine.reaches(b.meshIp), false);
    const { ofA: nextOfA, ofB: nextOfB } = await hub.relay(a.id, b.id);
    assert.notEqual(nextOfA, ofA);
    await tunnel.connect(nextOfA, nextOfB);
    // WireGuard gives its session up after 15 s of questions without an answer; the relay needs both to do so
    await waitFor("a ping through the next session", async () => {
      const [one, other] = await Promise.all([a.machine.reaches(b.meshIp), b.machine.reaches(a.meshIp)]);
      return one && other;
    }, { everyMs: 200, deadlineMs: 60_000 });
  },
});
