import assert from "node:assert/strict";
import { toBase64 } from "../../src/mesh/encoding.ts";
import type { StatePeer } from "../../src/mesh/state.ts";
import { createPathSelector } from "../../src/agent/paths/create_path_selector.ts";
import type { PathSelector } from "../../src/agent/paths/path_selector.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import type { Machine } from "./kit/machine.ts";
import { type NatEnd, NatTunnel } from "./kit/nat_tunnel.ts";

const tools = requires("network-namespaces", "wireguard-go", "nft", "ping");

type Endpoints = StatePeer["endpoints"];

/** One end that looks after its path once a second, as an agent does, with what the hub would tell it. */
class PathEnd implements AsyncDisposable {
  readonly selector: PathSelector;
  endpoints: Endpoints = [];
  relay: string | null = null;
  path = "none";
  /** Bytes that the choice was told of since time was last skipped. */
  heardBytes = 0;
  /** Time that the choice is told has passed although it has not, ms. */
  skippedMs = 0;
  readonly moves: string[] = [];
  readonly #tunnel: NatTunnel;
  readonly #end: NatEnd;
  readonly #other: NatEnd;
  #stopped = false;
  #rxBytes = 0;
  readonly #running: Promise<void>;

  constructor(tunnel: NatTunnel, end: NatEnd) {
    this.#tunnel = tunnel;
    this.#end = end;
    this.#other = end === tunnel.a ? tunnel.b : tunnel.a;
    this.selector = createPathSelector({
      localNetworks: () => [],
      meshCidr: () => null,
      utcMs: () => Date.now(),
      random: Math.random,
    });
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    const { device, machine } = this.#end;
    const publicKey = this.#other.key.publicKey;
    const asking: Promise<unknown>[] = [];
    while (!this.#stopped) {
      const { peers } = await device.state();
      const peer = peers.find((one) => toBase64(one.publicKey) === toBase64(publicKey));
      if (peer === undefined) throw new Error("The peer is not on the device");
      const { lastHandshakeUs, endpoint, rxBytes } = peer;
      const choice = this.selector.look({
        peer: this.#peer(),
        ownObserved: [`${this.#end.router.address}:51820`],
        lastHandshakeAgeMs: lastHandshakeUs === null ? null : Date.now() - lastHandshakeUs / 1000,
        endpoint,
        receivedBytes: rxBytes - this.#rxBytes,
        nowMs: performance.now() + this.skippedMs,
      });
      this.heardBytes += rxBytes - this.#rxBytes;
      this.#rxBytes = rxBytes;
      this.path = lastHandshakeUs === null ? "none" : this.selector.kindOf(this.#other.id, endpoint);
      if (choice !== null) {
        await device.apply([{ publicKey, updateOnly: true, endpoint: choice.endpoint }]);
        this.moves.push(choice.kind);
        // as the measurement of the round trip does it
        asking.push(machine.reaches(this.#other.meshIp));
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    await Promise.all(asking);
  }

  #peer(): StatePeer {
    return {
      node_id: this.#other.id,
      name: "other",
      mesh_ip: this.#other.meshIp,
      statement_sha256: "0".repeat(64),
      endpoints: this.endpoints,
      psk_hub: "",
      psk_hub_id: 1,
      ...this.relay === null
        ? {}
        : { relay: { session_id: this.relay, address: this.relay, expires_at: "2100-01-01T00:00:00Z" } },
    };
  }
}

/** Peers without any path: the routes are there, the endpoints come from the choice. */
async function pair(tunnel: NatTunnel): Promise<void> {
  await tunnel.connect("203.0.113.254:9", "203.0.113.254:9");
}

const observed = (...addresses: string[]): Endpoints => addresses.map((address) => ({ kind: "observed", address }));

/** Lets tunnels go straight between the routers, or not. */
async function letDirect(router: Machine, other: Machine, on: boolean): Promise<void> {
  await router.run("nft", ["delete", "table", "ip", "wall"]);
  if (on) return;
  await router.ok("nft", ["-f", "-"], {
    input: `table ip wall {
  chain out {
    type filter hook forward priority filter; policy accept;
    ip daddr ${other.address} drop
  }
}
`,
  });
}

Deno.test({
  name: "two ends behind cones choose the direct path",
  ...tools,
  async fn() {
    await using tunnel = await NatTunnel.create(["cone", "cone"]);
    const { a, b, hub } = tunnel;
    await pair(tunnel);
    const { ofA, ofB } = await hub.relay(a.id, b.id);
    await using one = new PathEnd(tunnel, a);
    await using other = new PathEnd(tunnel, b);
    Object.assign(one, { endpoints: observed(`${b.router.address}:51820`), relay: ofA });
    Object.assign(other, { endpoints: observed(`${a.router.address}:51820`), relay: ofB });
    await waitFor("a direct path", () => one.path === "direct" && other.path === "direct", { everyMs: 100 });
    assert.deepEqual(await a.machine.ping(b.meshIp, { count: 10, intervalS: 0.05, waitS: 10 }), {
      sent: 10,
      received: 10,
    });
    assert.equal((await hub.counters()).relay.forwardedBytes, 0);
  },
});

Deno.test({
  name: "two ends behind symmetric routers come to the relay, although they begin at different times",
  ...tools,
  async fn() {
    await using tunnel = await NatTunnel.create(["symmetric", "symmetric"]);
    const { a, b, hub } = tunnel;
    await pair(tunnel);
    const { ofA, ofB } = await hub.relay(a.id, b.id);
    await using one = new PathEnd(tunnel, a);
    Object.assign(one, { endpoints: observed(`${b.router.address}:51820`), relay: ofA });
    await new Promise((resolve) => setTimeout(resolve, 5000));
    await using other = new PathEnd(tunnel, b);
    Object.assign(other, { endpoints: observed(`${a.router.address}:51820`), relay: ofB });
    await waitFor("the relay", () => one.path === "relay" && other.path === "relay", {
      everyMs: 100,
      deadlineMs: 90_000,
    });
    assert.deepEqual(await a.machine.ping(b.meshIp, { count: 10, intervalS: 0.05, waitS: 10 }), {
      sent: 10,
      received: 10,
    });
    assert.deepEqual([one.moves[0], one.moves.at(-1)], ["direct", "relay"]);
  },
});

Deno.test({
  name: "a relayed tunnel with traffic probes a changed endpoint, falls back when it fails, and moves when it works",
  ...tools,
  async fn() {
    await using tunnel = await NatTunnel.create(["cone", "cone"]);
    const { a, b, hub } = tunnel;
    await letDirect(a.router, b.router, false);
    await letDirect(b.router, a.router, false);
    await pair(tunnel);
    const { ofA, ofB } = await hub.relay(a.id, b.id);
    await using one = new PathEnd(tunnel, a);
    await using other = new PathEnd(tunnel, b);
    Object.assign(one, { relay: ofA });
    Object.assign(other, { relay: ofB });
    await waitFor("the relay", () => one.path === "relay" && other.path === "relay", { everyMs: 100 });
    // a probe is not made within a minute of the last, or of the choice of the relay
    const skipMinute = () =>
      [one, other].forEach((end) => {
        end.skippedMs += 61_000;
        end.heardBytes = 0;
      });
    // more than an idle tunnel's: a probe beside it is a short one
    const untilBusy = () =>
      waitFor("traffic at both ends", () => one.heardBytes > 1000 && other.heardBytes > 1000, { everyMs: 100 });
    skipMinute();

    // the endpoints become known, and lead nowhere
    const failing = a.machine.ping(b.meshIp, { count: 150, intervalS: 0.1, waitS: 10 });
    await untilBusy();
    one.endpoints = observed(`${b.router.address}:51820`);
    other.endpoints = observed(`${a.router.address}:51820`);
    await waitFor("a probe", () => one.moves.includes("direct") && other.moves.includes("direct"), { everyMs: 100 });
    const during = await failing;
    // 2 s each, a second apart at most; an idle tunnel's would take 6 s
    assert.ok(during.received >= during.sent - 60, `${during.received} of ${during.sent}`);
    await waitFor("the relay again", () => one.path === "relay" && other.path === "relay", { everyMs: 100 });
    assert.equal(await a.machine.reaches(b.meshIp, 5), true);

    // the wall goes, and another endpoint is news
    await letDirect(a.router, b.router, true);
    await letDirect(b.router, a.router, true);
    skipMinute();
    const moving = a.machine.ping(b.meshIp, { count: 150, intervalS: 0.1, waitS: 10 });
    await untilBusy();
    const far = { kind: "static" as const, address: "203.0.113.250:1" };
    one.endpoints = [...one.endpoints, far];
    other.endpoints = [...other.endpoints, far];
    await waitFor("the direct path", () => one.path === "direct" && other.path === "direct", { everyMs: 100 });
    const moved = await moving;
    assert.ok(moved.received >= moved.sent - 60, `${moved.received} of ${moved.sent}`);
    assert.equal((await a.machine.ping(b.meshIp, { count: 5, waitS: 10 })).received, 5);
  },
});
