import assert from "node:assert/strict";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import { type HubEntry, WorldKeys, WorldNode } from "../lib/peer_world.ts";
import { SmallHub } from "../lib/small_hub.ts";
import type { DeviceState, PeerChange, WireGuardDevice } from "../../src/agent/wireguard/wireguard_device.ts";
import { pause } from "../../src/telemetry/pause.ts";
import { type TunnelEnd, TunnelPair } from "./kit/tunnel_pair.ts";
import type { WireGuardRequest } from "./kit/device_message.ts";

const tools = requires("network-namespaces", "wireguard-go", "wg", "ping");

/** The device of a machine of the kit, for an engine in this process. */
class DrivenDevice implements WireGuardDevice {
  readonly backend = "userspace";
  readonly name: string;
  readonly changes: PeerChange[] = [];
  readonly #end: TunnelEnd;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(end: TunnelEnd) {
    this.#end = end;
    this.name = end.interface;
  }

  async state() {
    return await this.#ask({ do: "state" }) as DeviceState;
  }

  async setPrivateKey(privateKey: Uint8Array) {
    await this.#ask({ do: "setPrivateKey", privateKey });
  }

  async apply(changes: readonly PeerChange[]) {
    this.changes.push(...changes);
    await this.#ask({ do: "apply", changes });
  }

  async ensureInterface(meshIp: string, mtu: number) {
    await this.#ask({ do: "ensureInterface", meshIp, mtu });
  }

  async ensureRoutes(meshIps: readonly string[]) {
    await this.#ask({ do: "ensureRoutes", meshIps });
  }

  release() {
    return Promise.resolve();
  }

  remove() {
    return Promise.resolve();
  }

  #ask(request: WireGuardRequest): Promise<unknown> {
    const answer = this.#queue.then(() => this.#end.driver.ask(request));
    this.#queue = answer.catch(() => {});
    return answer;
  }
}

interface DrivenNode {
  readonly node: WorldNode;
  readonly device: DrivenDevice;
  readonly end: TunnelEnd;
}

/** Two machines with real tunnels, whose engines run here with a hub in between. */
class DrivenMesh implements AsyncDisposable {
  readonly hub = new SmallHub();

  private constructor(readonly pair: TunnelPair, readonly nodes: DrivenNode[]) {}

  static async create(): Promise<DrivenMesh> {
    const pair = await TunnelPair.create();
    const mesh = new DrivenMesh(pair, []);
    for (const end of [pair.a, pair.b]) {
      await end.driver.ask({ do: "ensureInterface", meshIp: end.meshIp, mtu: 1280 });
      const keys = await WorldKeys.create();
      const device = new DrivenDevice(end);
      const entry: HubEntry = {
        nodeId: keys.nodeId,
        meshIp: end.meshIp,
        statement: keys.tunnel.statement,
        endpoint: `${end.machine.address}:${end.listenPort}`,
      };
      const node = new WorldNode({
        device,
        keys,
        meshIp: end.meshIp,
        requests: mesh.hub.requests(keys.nodeId),
        nowMs: () => performance.now(),
        nowUs: () => Date.now() * 1000,
        pause,
      });
      mesh.hub.add(entry, node.engine);
      mesh.nodes.push({ node, device, end });
    }
    return mesh;
  }

  get ends(): readonly [DrivenNode, DrivenNode] {
    const [a, b] = this.nodes;
    if (a === undefined || b === undefined) throw new Error("There are two nodes");
    return [a, b];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { node } of this.nodes) await node.engine.stop();
    await this.pair[Symbol.asyncDispose]();
    assert.deepEqual(this.hub.failures, []);
  }
}

async function shown({ end }: DrivenNode): Promise<string> {
  return await end.machine.ok("wg", ["show", end.interface, "dump"]);
}

Deno.test({
  name: "two engines bring a tunnel up, with an ML-KEM key that `wg show` has and the hub never saw",
  ...tools,
  async fn() {
    await using mesh = await DrivenMesh.create();
    const [a, b] = mesh.ends;
    await mesh.hub.tellAll();
    await waitFor("a reply through the tunnel", () => a.end.machine.reaches(b.end.meshIp), { everyMs: 50 });
    for (const [self, peer] of [[a, b], [b, a]] as const) {
      const psk = self.node.disk.record(peer.node.nodeId)?.psk.keys[0]?.psk ?? "?";
      const line = (await shown(self)).split("\n")[1]?.split("\t") ?? [];
      assert.deepEqual([line[1], line[3]], [psk, `${peer.end.meshIp}/32`]);
      assert.ok(!JSON.stringify(mesh.hub.mails).includes(psk));
      const secret = self.node.disk.record(peer.node.nodeId)?.psk.keys[0]?.kem_secret ?? "?";
      assert.ok(!JSON.stringify(mesh.hub.mails).includes(secret));
      await waitFor("the status", () => self.node.engine.status()[0]?.state === "up");
    }
  },
});

Deno.test({
  name: "a new hub part and the rotation of both WireGuard keys lose none of 200 pings in 20 s",
  ...tools,
  async fn() {
    await using mesh = await DrivenMesh.create();
    const [a, b] = mesh.ends;
    await mesh.hub.tellAll();
    await waitFor("a reply through the tunnel", () => a.end.machine.reaches(b.end.meshIp), { everyMs: 50 });
    const before = await shown(a);
    const pings = a.end.machine.ping(b.end.meshIp, { count: 200, intervalS: 0.1, waitS: 10 });
    await pause(2000, new AbortController().signal);
    await mesh.hub.changePsk(a.node.nodeId, b.node.nodeId);
    const epochOf = (self: DrivenNode, peer: DrivenNode) => self.node.disk.record(peer.node.nodeId)?.psk.current;
    await waitFor("the second epoch on both ends", () => epochOf(a, b) === 2 && epochOf(b, a) === 2);
    for (const [rotating, other] of [[a, b], [b, a]] as const) {
      // a handshake this soon after a change might still be one with the key before
      await pause(3000, new AbortController().signal);
      await rotating.node.engine.rotateOwnKey();
      await waitFor("the rotation to end", () =>
        rotating.node.keys.tunnel.statement.generation === 2 &&
        other.node.disk.record(rotating.node.nodeId)?.generation === 2);
    }
    const { sent, received } = await pings;
    assert.deepEqual({ sent, received }, { sent: 200, received: 200 });
    const after = await shown(a);
    assert.notEqual(after.split("\t")[1], before.split("\t")[1], "this end has the same public key");
    assert.notEqual(after.split("\n")[1]?.split("\t")[0], before.split("\n")[1]?.split("\t")[0]);
    // keys for the new statements follow once the new session is known to work
    await waitFor("a key for the new statements", () => (epochOf(a, b) ?? 0) > 2 && epochOf(a, b) === epochOf(b, a));
    assert.ok(await a.end.machine.reaches(b.end.meshIp, 5));
  },
});

Deno.test({
  name: "a removed peer is off the device as soon as the engine says so, and reaches nobody from then on",
  ...tools,
  async fn() {
    await using mesh = await DrivenMesh.create();
    const [a, b] = mesh.ends;
    await mesh.hub.tellAll();
    await waitFor("a reply through the tunnel", () => b.end.machine.reaches(a.end.meshIp), { everyMs: 50 });
    await a.node.engine.removed(b.node.nodeId);
    assert.equal((await shown(a)).trim().split("\n").length, 1);
    assert.equal(await b.end.machine.reaches(a.end.meshIp), false);
    assert.deepEqual(a.node.engine.status(), []);
    assert.equal(a.node.disk.record(b.node.nodeId)?.psk.keys.length, 0);
  },
});

Deno.test({
  name: "an engine that starts anew over a running tunnel loses no ping and touches the peer no more than it must",
  ...tools,
  async fn() {
    await using mesh = await DrivenMesh.create();
    const [a, b] = mesh.ends;
    await mesh.hub.tellAll();
    await waitFor("a reply through the tunnel", () => a.end.machine.reaches(b.end.meshIp), { everyMs: 50 });
    const pings = a.end.machine.ping(b.end.meshIp, { count: 50, intervalS: 0.1, waitS: 5 });
    await a.node.engine.stop();
    a.device.changes.length = 0;
    // the hub is away: what is on the disk is enough
    mesh.hub.down = true;
    const again = new WorldNode({
      device: a.device,
      keys: a.node.keys,
      disk: a.node.disk,
      meshIp: a.end.meshIp,
      requests: mesh.hub.requests(a.node.nodeId),
      nowMs: () => performance.now(),
      nowUs: () => Date.now() * 1000,
      pause,
    });
    try {
      await again.engine.follow(mesh.hub.stateOf(a.node.nodeId));
      const { sent, received } = await pings;
      assert.deepEqual({ sent, received }, { sent: 50, received: 50 });
      assert.equal(again.engine.status()[0]?.state, "up");
      const touched = a.device.changes.map((change) => Object.keys(change).toSorted());
      assert.deepEqual(touched, [["psk", "publicKey", "updateOnly"]]);
    } finally {
      await again.engine.stop();
    }
  },
});
