import { toBase64 } from "../../../src/mesh/encoding.ts";
import { isNodeId, type NodeId } from "../../../src/mesh/ids.ts";
import { newSeed, type WireGuardKey, wireGuardKeyOf } from "../../../src/mesh/keys.ts";
import type { WireGuardDevice } from "../../../src/agent/wireguard/wireguard_device.ts";
import { waitFor } from "../../lib/wait_for.ts";
import { DeviceDriver } from "./device_driver.ts";
import type { Machine } from "./machine.ts";
import { MeshNetwork, type Nat } from "./mesh_network.ts";
import { UdpHub } from "./udp_hub.ts";

/** A machine behind a router, with a tunnel driven by the agent's own code. */
export interface NatEnd {
  readonly id: NodeId;
  readonly machine: Machine;
  readonly router: Machine;
  readonly interface: string;
  readonly meshIp: string;
  readonly key: WireGuardKey;
  readonly driver: DeviceDriver;
  readonly device: Pick<WireGuardDevice, "state" | "apply">;
}

/** Two machines, each behind a router of its own, and the UDP ports of a hub on the backbone between them. */
export class NatTunnel implements AsyncDisposable {
  readonly psk: Uint8Array = newSeed();

  private constructor(
    readonly network: MeshNetwork,
    readonly hub: UdpHub,
    readonly a: NatEnd,
    readonly b: NatEnd,
    readonly drivers: readonly DeviceDriver[],
  ) {}

  static async create(
    kinds: readonly [Nat, Nat],
    options: { readonly bitsPerSecond?: number } = {},
  ): Promise<NatTunnel> {
    const network = await MeshNetwork.create();
    const drivers: DeviceDriver[] = [];
    let hub: UdpHub | null = null;
    try {
      hub = await UdpHub.start(await network.publicMachine("hub", "203.0.113.1"), options);
      const ends: NatEnd[] = [];
      for (const [n, nat] of kinds.entries()) {
        const site = await network.site(`s${n}`, nat);
        ends.push(await openNatEnd(network, await site.machine(`n${n}`), site.router, n + 1, hub, drivers));
      }
      const [a, b] = ends;
      if (a === undefined || b === undefined) throw new Error("Two ends were asked for");
      return new NatTunnel(network, hub, a, b, drivers);
    } catch (error) {
      for (const driver of drivers) await driver[Symbol.asyncDispose]();
      await hub?.[Symbol.asyncDispose]();
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Makes each the peer of the other, at these endpoints. */
  async connect(endpointOfA: string, endpointOfB: string): Promise<void> {
    for (const [end, other, endpoint] of [[this.a, this.b, endpointOfA], [this.b, this.a, endpointOfB]] as const) {
      await end.driver.ask({ do: "ensureRoutes", meshIps: [other.meshIp] });
      await end.device.apply([{
        publicKey: other.key.publicKey,
        psk: this.psk,
        endpoint,
        allowedIps: [`${other.meshIp}/32`],
        keepaliveS: 25,
      }]);
    }
  }

  /** Waits until the tunnel carries everything: both ends may have begun a handshake, and the later one replaces the other. */
  async untilSteady(): Promise<void> {
    const { a, b } = this;
    await waitFor("a steady tunnel", async () => {
      return (await a.machine.ping(b.meshIp, { count: 15, intervalS: 0.05 })).received === 15;
    }, { everyMs: 200, deadlineMs: 60_000 });
  }

  /** The other end as the device of one has it. */
  async peer(end: NatEnd) {
    const other = end === this.a ? this.b : this.a;
    const { peers } = await end.device.state();
    return peers.find(({ publicKey }) => toBase64(publicKey) === toBase64(other.key.publicKey)) ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const driver of this.drivers) await driver[Symbol.asyncDispose]();
    await this.hub[Symbol.asyncDispose]();
    await this.network[Symbol.asyncDispose]();
  }
}

async function openNatEnd(
  network: MeshNetwork,
  machine: Machine,
  router: Machine,
  number: number,
  hub: UdpHub,
  drivers: DeviceDriver[],
): Promise<NatEnd> {
  const driver = new DeviceDriver(machine);
  drivers.push(driver);
  const key = wireGuardKeyOf(newSeed());
  const id = `n_${String(number).repeat(32)}`;
  if (!isNodeId(id)) throw new Error(`Not a node id: ${id}`);
  const end: NatEnd = {
    id,
    machine,
    router,
    interface: network.tunnel(machine.name),
    meshIp: `10.100.0.${number}`,
    key,
    driver,
    device: {
      state: () => driver.state(),
      apply: async (changes) => void await driver.ask({ do: "apply", changes }),
    },
  };
  await driver.ask({
    do: "open",
    options: { name: end.interface, backend: "userspace", listenPort: 51820, ownKeys: [key.publicKey] },
  });
  await driver.ask({ do: "setPrivateKey", privateKey: key.privateKey });
  await driver.ask({ do: "ensureInterface", meshIp: end.meshIp, mtu: 1280 });
  await hub.ask({ do: "node", node: id, keys: [key.publicKey] });
  return end;
}
