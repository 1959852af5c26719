import assert from "node:assert/strict";
import { newSeed, wireGuardKeyOf } from "../../mesh/keys.ts";
import { mac1Of } from "../../mesh/wireguard_packet.ts";
import { udpSocket } from "../../../tests/lib/udp_socket.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { startObservers } from "./start_observers.ts";

const keys = [wireGuardKeyOf(newSeed()), wireGuardKeyOf(newSeed())] as const;
const core = { nodeOfWireguardKey: () => null, observed: () => assert.fail() };

// Real initiations, of wireguard-go behind routers, are in tests/mesh/observers_test.ts.

function forged(): Uint8Array {
  const packet = new Uint8Array(148).fill(9);
  packet.set([1, 0, 0, 0]);
  packet.set(mac1Of(packet, keys[0].publicKey) ?? [], 116);
  return packet;
}

Deno.test("Observers judge by size, mac1, and the limits, before they compute", async () => {
  let nowMs = 0;
  const observers = await startObservers({
    host: "127.0.0.1",
    ports: [0, 0],
    keys,
    core,
    nowMs: () => nowMs,
    limits: { perSource: 3, total: 4 },
  });
  using sender = udpSocket();
  const [first, second] = observers.addresses.map((address) => Number(address.split(":")[1]));
  const send = async (packet: Uint8Array, port = first ?? 0) => {
    const before = observers.counters().received;
    await sender.send(packet, port);
    await waitFor("the packet", () => observers.counters().received > before);
  };
  try {
    await send(new Uint8Array(148));
    await send(forged().subarray(1));
    await send(new Uint8Array(0));
    await send(forged(), second);
    const spoiled = forged();
    spoiled[40] = 0;
    await send(spoiled);
    for (let n = 0; n < 4; n++) await send(forged());
    const { form, mac1, sealed, sourceRate } = observers.counters();
    assert.deepEqual({ form, mac1, sealed, sourceRate }, { form: 3, mac1: 2, sealed: 3, sourceRate: 1 });
    nowMs = 1000;
    for (let n = 0; n < 3; n++) await send(forged());
    assert.equal(observers.counters().sealed, 6);
  } finally {
    await observers.stop();
  }
});

Deno.test("Observers that cannot have both ports take none", async () => {
  const taken = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const options = { host: "127.0.0.1", keys, core, nowMs: () => 0 };
  await assert.rejects(startObservers({ ...options, ports: [0, port] }), Deno.errors.AddrInUse);
  taken.close();
  const observers = await startObservers({ ...options, ports: [port, 0] });
  await observers.stop();
});
