import assert from "node:assert/strict";
import { DeviceDriver, DriverError } from "../../../tests/mesh/kit/device_driver.ts";
import type { Machine } from "../../../tests/mesh/kit/machine.ts";
import { MeshNetwork } from "../../../tests/mesh/kit/mesh_network.ts";
import { PingWatch } from "../../../tests/mesh/kit/ping_watch.ts";
import { openEnd, TunnelPair } from "../../../tests/mesh/kit/tunnel_pair.ts";
import { requires } from "../../../tests/lib/requires.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { newSeed, wireGuardKeyOf } from "../../mesh/keys.ts";
import type { DevicePeer } from "./wireguard_device.ts";

const tools = requires("network-namespaces", "wireguard-go", "ping");

function settingsOf({ publicKey, hasPsk, endpoint, allowedIps, keepaliveS, lastHandshakeUs }: DevicePeer) {
  return { key: publicKey.toHex(), hasPsk, endpoint, allowedIps, keepaliveS, lastHandshakeUs };
}

/** Ends what was begun before a change, once the tunnel has carried packets after it. */
async function assertNoneLost(pings: PingWatch, machine: Machine, address: string): Promise<void> {
  await waitFor("a reply after the change", () => machine.reaches(address));
  assert.equal((await machine.ping(address, { count: 10, intervalS: 0.1, waitS: 10 })).received, 10);
  const { sent, lostSequences } = await pings.stop();
  assert.ok(sent > 10, `${sent} pings were sent`);
  assert.deepEqual(lostSequences, []);
}

Deno.test({
  name: "two interfaces made by the agent's code carry packets with a pre-shared key",
  ...tools,
  async fn() {
    await using pair = await TunnelPair.create();
    await pair.connect();
    const { a, b } = pair;
    await waitFor("a reply", () => a.machine.reaches(b.meshIp));
    const state = await a.driver.state();
    assert.deepEqual(state.publicKey, a.key.publicKey);
    assert.equal(state.listenPort, 51820);
    const [peer, ...others] = state.peers;
    assert.ok(peer !== undefined && others.length === 0);
    const { lastHandshakeUs, ...settings } = settingsOf(peer);
    assert.deepEqual(settings, {
      key: b.key.publicKey.toHex(),
      hasPsk: true,
      endpoint: `${b.machine.address}:51820`,
      allowedIps: [`${b.meshIp}/32`],
      keepaliveS: 25,
    });
    assert.ok(lastHandshakeUs !== null && Math.abs(Date.now() * 1000 - lastHandshakeUs) < 30_000_000);
    assert.ok(peer.rxBytes > 0 && peer.txBytes > 0);
    const link = JSON.parse(await a.machine.ok("ip", ["-j", "-d", "addr", "show", "dev", a.interface]))[0];
    assert.equal(link.mtu, 1280);
    assert.deepEqual(link.addr_info.map((one: { local: string }) => one.local), [a.meshIp]);
    assert.equal(
      (await a.machine.ok("sysctl", ["-n", `net.ipv6.conf.${a.interface}.disable_ipv6`])).trim(),
      "1",
    );
  },
});

Deno.test({
  name: "a peer whose pre-shared key differs is not reached",
  ...tools,
  async fn() {
    await using pair = await TunnelPair.create();
    const { a, b } = pair;
    await pair.connect();
    await waitFor("a reply", () => a.machine.reaches(b.meshIp));
    // as a new peer: a key acts at the next handshake only
    await a.driver.ask({
      do: "apply",
      changes: [{ publicKey: b.key.publicKey, remove: true }, pair.peer(b, newSeed())],
    });
    const { received } = await a.machine.ping(b.meshIp, { count: 8, intervalS: 0.2 });
    assert.equal(received, 0);
    const [peer] = (await a.driver.state()).peers;
    assert.equal(peer?.lastHandshakeUs, null);
    assert.equal(peer?.hasPsk, true);
  },
});

Deno.test({
  name: "a change of the pre-shared key on both sides loses no ping",
  ...tools,
  async fn() {
    await using pair = await TunnelPair.create();
    const { a, b } = pair;
    await pair.connect();
    await waitFor("a reply", () => a.machine.reaches(b.meshIp));
    await using pings = await PingWatch.start(a.machine, b.meshIp);
    const psk = newSeed();
    for (const [end, other] of [[a, b], [b, a]] as const) {
      await end.driver.ask({ do: "apply", changes: [{ publicKey: other.key.publicKey, updateOnly: true, psk }] });
    }
    await assertNoneLost(pings, a.machine, b.meshIp);
  },
});

Deno.test({
  name: "a WireGuard key replaced in one transaction loses no ping, and leaves another peer alone",
  ...tools,
  async fn() {
    await using pair = await TunnelPair.create();
    const { a, b } = pair;
    await pair.connect();
    const bystander = wireGuardKeyOf(newSeed()).publicKey;
    await b.driver.ask({
      do: "apply",
      changes: [{
        publicKey: bystander,
        psk: newSeed(),
        endpoint: "203.0.113.99:51820",
        allowedIps: ["10.100.0.9/32"],
        keepaliveS: 0,
      }],
    });
    await waitFor("a reply", () => a.machine.reaches(b.meshIp));
    const before = (await b.driver.state()).peers.find(({ publicKey }) => publicKey.toHex() === bystander.toHex());
    const oldKey = a.key;
    await using pings = await PingWatch.start(a.machine, b.meshIp);
    // mesh-wire §5.7: the rotating node switches first, then each peer replaces old by new
    a.key = wireGuardKeyOf(newSeed());
    await a.driver.ask({ do: "setPrivateKey", privateKey: a.key.privateKey });
    const seen = (await b.driver.state()).peers.find(({ publicKey }) => publicKey.toHex() === oldKey.publicKey.toHex());
    assert.ok(seen?.endpoint);
    await b.driver.ask({
      do: "apply",
      changes: [{ publicKey: oldKey.publicKey, remove: true }, { ...pair.peer(a), endpoint: seen.endpoint }],
    });
    await assertNoneLost(pings, a.machine, b.meshIp);
    const after = await b.driver.state();
    assert.deepEqual(
      after.peers.map(({ publicKey }) => publicKey.toHex()).toSorted(),
      [a.key.publicKey.toHex(), bystander.toHex()].toSorted(),
    );
    assert.deepEqual(after.peers.find(({ publicKey }) => publicKey.toHex() === bystander.toHex()), before);
  },
});

Deno.test({
  name: "an agent that was killed adopts its tunnel and does not disturb it",
  ...tools,
  async fn() {
    await using pair = await TunnelPair.create();
    const { a, b } = pair;
    await pair.connect();
    await waitFor("a reply", () => a.machine.reaches(b.meshIp));
    const before = await a.driver.state();
    await using pings = await PingWatch.start(a.machine, b.meshIp);
    await a.driver.kill();
    a.driver = new DeviceDriver(a.machine);
    await openEnd(a);
    // what an agent does at its start
    await a.driver.ask({ do: "setPrivateKey", privateKey: a.key.privateKey });
    await a.driver.ask({ do: "ensureInterface", meshIp: a.meshIp, mtu: 1280 });
    await a.driver.ask({ do: "ensureRoutes", meshIps: [b.meshIp] });
    await assertNoneLost(pings, a.machine, b.meshIp);
    const after = await a.driver.state();
    assert.deepEqual(after.peers.map(settingsOf), before.peers.map(settingsOf));
    assert.ok((after.peers[0]?.rxBytes ?? 0) >= (before.peers[0]?.rxBytes ?? Infinity));
  },
});

Deno.test({
  name: "an interface of the name with a key of somebody else is refused and left alone",
  ...tools,
  async fn() {
    await using pair = await TunnelPair.create();
    const { a } = pair;
    await using stranger = new DeviceDriver(a.machine);
    for (const backend of ["userspace", "auto", "kernel"] as const) {
      await assert.rejects(
        stranger.ask({
          do: "open",
          options: { name: a.interface, backend, listenPort: 1, ownKeys: [wireGuardKeyOf(newSeed()).publicKey] },
        }),
        (error) => error instanceof DriverError && error.code === "name_taken",
      );
    }
    await assert.rejects(
      stranger.ask({ do: "open", options: { name: "eth0", backend: "auto", listenPort: 1 } }),
      (error) => error instanceof DriverError && error.code === "name_taken",
    );
    const state = await a.driver.state();
    assert.deepEqual([state.publicKey, state.listenPort], [a.key.publicKey, 51820]);
    assert.deepEqual(await a.driver.ask({ do: "gone" }), []);
  },
});

Deno.test({
  name: "the end of the daemon is told at once, and the interface can be opened anew",
  ...tools,
  async fn() {
    await using pair = await TunnelPair.create();
    const { a, b } = pair;
    await pair.connect();
    // the list holds programs, too, that end while it is read
    const daemon = await waitFor("the daemon's process", async () => {
      const pids = (await a.machine.ok("ip", ["netns", "pids", a.machine.namespace])).trim().split("\n").map(Number);
      return pids.find((pid) => Deno.readTextFileSync(`/proc/${pid}/comm`).trim() === "wireguard-go");
    });
    Deno.kill(daemon, "SIGKILL");
    await waitFor("the news", async () => ((await a.driver.ask({ do: "gone" })) as string[]).length === 1);
    await assert.rejects(a.driver.state(), (error) => error instanceof DriverError && error.code === "gone");
    await openEnd(a);
    await a.driver.ask({ do: "setPrivateKey", privateKey: a.key.privateKey });
    await pair.connect();
    await waitFor("a reply", () => a.machine.reaches(b.meshIp));
    assert.equal(((await a.driver.ask({ do: "gone" })) as string[]).length, 1);
  },
});

Deno.test({
  name: "what somebody changed of the interface is put back, and only that",
  ...tools,
  async fn() {
    await using pair = await TunnelPair.create();
    const { a, b } = pair;
    await pair.connect();
    const routes = async () =>
      JSON.parse(await a.machine.ok("ip", ["-4", "-j", "route", "show", "dev", a.interface]))
        .map((route: { dst: string }) => route.dst).toSorted();
    await a.driver.ask({ do: "ensureRoutes", meshIps: [b.meshIp, "10.100.0.7"] });
    assert.deepEqual(await routes(), [b.meshIp, "10.100.0.7"]);
    await a.machine.ok("ip", ["route", "del", b.meshIp, "dev", a.interface]);
    await a.machine.ok("ip", ["route", "add", "198.51.100.0/24", "dev", a.interface]);
    await a.machine.ok("ip", ["addr", "del", `${a.meshIp}/32`, "dev", a.interface]);
    await a.machine.ok("ip", ["addr", "add", "10.100.0.66/24", "dev", a.interface]);
    await a.machine.ok("ip", ["link", "set", "dev", a.interface, "mtu", "1400"]);
    await a.machine.ok("sysctl", ["-qw", `net.ipv6.conf.${a.interface}.disable_ipv6=0`]);
    await a.driver.ask({ do: "ensureInterface", meshIp: a.meshIp, mtu: 1280 });
    await a.driver.ask({ do: "ensureRoutes", meshIps: [b.meshIp] });
    assert.deepEqual(await routes(), [b.meshIp]);
    const [link] = JSON.parse(await a.machine.ok("ip", ["-j", "addr", "show", "dev", a.interface]));
    assert.equal(link.mtu, 1280);
    assert.deepEqual(
      link.addr_info.map((one: { local: string; prefixlen: number }) => `${one.local}/${one.prefixlen}`),
      [`${a.meshIp}/32`],
    );
    await a.machine.ok("ip", ["link", "set", "dev", a.interface, "down"]);
    await a.driver.ask({ do: "ensureInterface", meshIp: a.meshIp, mtu: 1280 });
    await a.driver.ask({ do: "ensureRoutes", meshIps: [b.meshIp] });
    await waitFor("a reply", () => a.machine.reaches(b.meshIp));
    assert.equal((await a.driver.state()).listenPort, 51820);
  },
});

Deno.test({
  name: "a UDP port that another program has is told, and taken once it is free",
  ...requires("network-namespaces", "wireguard-go", "python3"),
  async fn() {
    await using network = await MeshNetwork.create();
    const machine = await network.publicMachine("m");
    const other = machine.spawn("python3", [
      "-c",
      "import socket, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('0.0.0.0', 51820))\nprint('bound', flush=True)\ntime.sleep(60)",
    ]);
    const reader = other.stdout.getReader();
    await reader.read();
    await using driver = new DeviceDriver(machine);
    const name = network.tunnel("p");
    const up = async () => {
      await driver.ask({ do: "open", options: { name, backend: "userspace", listenPort: 51820 } });
      await driver.ask({ do: "ensureInterface", meshIp: "10.100.0.1", mtu: 1280 });
    };
    // at once as a rule; at the next look when the daemon hears late that its interface came up
    await waitFor("port_taken", async () => {
      try {
        await up();
        return false;
      } catch (error) {
        return error instanceof DriverError && error.code === "port_taken";
      }
    });
    other.kill("SIGKILL");
    await reader.cancel();
    await other.stderr.cancel();
    await other.status;
    await up();
    assert.equal((await driver.state()).listenPort, 51820);
    await driver.ask({ do: "remove" });
    assert.equal((await machine.run("ip", ["link", "show", "dev", name])).code, 1);
    await assert.rejects(Deno.stat(`/var/run/wireguard/${name}.sock`), Deno.errors.NotFound);
    assert.deepEqual(await driver.ask({ do: "gone" }), []);
  },
});
