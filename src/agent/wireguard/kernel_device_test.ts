import assert from "node:assert/strict";
import { DriverError } from "../../../tests/mesh/kit/device_driver.ts";
import { PingWatch } from "../../../tests/mesh/kit/ping_watch.ts";
import { TunnelPair } from "../../../tests/mesh/kit/tunnel_pair.ts";
import { requires } from "../../../tests/lib/requires.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { newSeed, wireGuardKeyOf } from "../../mesh/keys.ts";
import type { DeviceState } from "./wireguard_device.ts";

// The kernel's interfaces and those of wireguard-go are the same to `wg`, so that this shows what the backend does with
// the program; a kernel with the module is not needed.

Deno.test({
  name: "wg sets what the UAPI shows: keys, several peers with pre-shared keys, replacement, removal",
  ...requires("network-namespaces", "wireguard-go", "wg", "ping"),
  async fn() {
    await using pair = await TunnelPair.create();
    const { a, b } = pair;
    await pair.connect();
    await waitFor("a reply", () => a.machine.reaches(b.meshIp));
    const byUapi = await a.driver.state();
    // the same interface, now by `wg`; of a handshake it knows the second only
    const wholeSeconds = ({ peers, ...state }: DeviceState) => ({
      ...state,
      peers: peers.map(({ lastHandshakeUs, rxBytes: _r, txBytes: _t, ...peer }) => ({
        ...peer,
        lastHandshakeS: lastHandshakeUs === null ? null : Math.floor(lastHandshakeUs / 1e6),
      })).toSorted((one, other) => one.publicKey.toHex() < other.publicKey.toHex() ? -1 : 1),
    });
    await a.driver.ask({ do: "release" });
    await a.driver.ask({
      do: "open",
      options: { name: a.interface, backend: "kernel", listenPort: 51820, ownKeys: [a.key.publicKey] },
      overWg: true,
    });
    assert.deepEqual(wholeSeconds(await a.driver.state()), wholeSeconds(byUapi));

    const extra = (number: number) => ({
      publicKey: wireGuardKeyOf(newSeed()).publicKey,
      psk: newSeed(),
      endpoint: `203.0.113.${number}:51820`,
      allowedIps: [`10.100.0.${number}/32`],
      keepaliveS: 0,
    });
    const [first, second, third] = [extra(4), extra(5), extra(6)];
    await using pings = await PingWatch.start(a.machine, b.meshIp);
    await a.driver.ask({ do: "apply", changes: [first, second, third] });
    const psk = newSeed();
    for (const [end, other] of [[a, b], [b, a]] as const) {
      await end.driver.ask({
        do: "apply",
        changes: [
          { publicKey: wireGuardKeyOf(newSeed()).publicKey, updateOnly: true, psk },
          { publicKey: other.key.publicKey, updateOnly: true, psk },
        ],
      });
    }
    const before = a.key.publicKey;
    a.key = wireGuardKeyOf(newSeed());
    await a.driver.ask({ do: "setPrivateKey", privateKey: a.key.privateKey });
    await b.driver.ask({ do: "apply", changes: [{ publicKey: before, remove: true }, pair.peer(a, psk)] });
    await waitFor("a reply after the changes", () => a.machine.reaches(b.meshIp));
    assert.deepEqual((await pings.stop()).lostSequences, []);
    await a.driver.ask({
      do: "apply",
      changes: [
        { publicKey: first.publicKey, remove: true },
        { publicKey: second.publicKey, endpoint: "[2001:db8::1]:7", keepaliveS: 30 },
      ],
    });
    const state = await a.driver.state();
    assert.deepEqual(state.publicKey, a.key.publicKey);
    const peers = new Map(state.peers.map((peer) => [peer.publicKey.toHex(), peer]));
    assert.deepEqual(
      [...peers.keys()].toSorted(),
      [b.key, second, third].map((one) => one.publicKey.toHex()).toSorted(),
    );
    const changed = peers.get(second.publicKey.toHex());
    assert.deepEqual(
      [changed?.hasPsk, changed?.endpoint, changed?.allowedIps, changed?.keepaliveS],
      [true, "[2001:db8::1]:7", ["10.100.0.5/32"], 30],
    );
    assert.equal(peers.get(b.key.publicKey.toHex())?.keepaliveS, 25);
    // the interface goes by hand: told by the next call
    await a.machine.ok("ip", ["link", "del", "dev", a.interface]);
    await waitFor(
      "the end",
      () => a.driver.state().then(() => false, (error) => error instanceof DriverError && error.code === "gone"),
    );
    assert.equal(((await a.driver.ask({ do: "gone" })) as string[]).length, 1);
  },
});
