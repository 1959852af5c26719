import { newSeed, type WireGuardKey, wireGuardKeyOf } from "../../../src/mesh/keys.ts";
import type { PeerChange } from "../../../src/agent/wireguard/wireguard_device.ts";
import { DeviceDriver } from "./device_driver.ts";
import type { Machine } from "./machine.ts";
import { MeshNetwork } from "./mesh_network.ts";

/** One end of a tunnel between two machines. */
export interface TunnelEnd {
  readonly machine: Machine;
  readonly interface: string;
  readonly meshIp: string;
  readonly listenPort: number;
  key: WireGuardKey;
  driver: DeviceDriver;
}

/** Network of the addresses inside of the tunnels of tests. */
export const testMeshCidr = "10.100.0.0/16";

/** Two machines on one network with a WireGuard tunnel between them, both driven by the agent's own code. */
export class TunnelPair implements AsyncDisposable {
  psk: Uint8Array = newSeed();

  private constructor(readonly network: MeshNetwork, readonly a: TunnelEnd, readonly b: TunnelEnd) {}

  /** Opens both interfaces; peers come with {@link connect}. */
  static async create({ guarded = false } = {}): Promise<TunnelPair> {
    const network = await MeshNetwork.create();
    const drivers: DeviceDriver[] = [];
    try {
      const end = async (name: string, number: number): Promise<TunnelEnd> => {
        const machine = await network.publicMachine(name);
        const driver = new DeviceDriver(machine);
        drivers.push(driver);
        const end: TunnelEnd = {
          machine,
          interface: network.tunnel(name),
          meshIp: `10.100.0.${number}`,
          listenPort: 51820,
          key: wireGuardKeyOf(newSeed()),
          driver,
        };
        if (guarded) await driver.ask({ do: "firewall", interface: end.interface, meshCidr: testMeshCidr });
        await openEnd(end, guarded);
        await driver.ask({ do: "setPrivateKey", privateKey: end.key.privateKey });
        return end;
      };
      return new TunnelPair(network, await end("wa", 1), await end("wb", 2));
    } catch (error) {
      for (const driver of drivers) await driver[Symbol.asyncDispose]();
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Addresses, routes, and each the peer of the other with the pre-shared key. */
  async connect(): Promise<void> {
    for (const [end, other] of [[this.a, this.b], [this.b, this.a]] as const) {
      await end.driver.ask({ do: "ensureInterface", meshIp: end.meshIp, mtu: 1280 });
      await end.driver.ask({ do: "ensureRoutes", meshIps: [other.meshIp] });
      await end.driver.ask({ do: "apply", changes: [this.peer(other)] });
    }
  }

  /** The whole of a peer as its other end configures it. */
  peer(other: TunnelEnd, psk: Uint8Array = this.psk): Exclude<PeerChange, { readonly remove: true }> {
    return {
      publicKey: other.key.publicKey,
      psk,
      endpoint: `${other.machine.address}:${other.listenPort}`,
      allowedIps: [`${other.meshIp}/32`],
      keepaliveS: 25,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { driver } of [this.a, this.b]) await driver[Symbol.asyncDispose]();
    await this.network[Symbol.asyncDispose]();
  }
}

/** Opens the interface of one end with its driver; adopts it when it runs. */
export async function openEnd(end: TunnelEnd, guarded = false): Promise<void> {
  const { interface: name, listenPort, key, driver } = end;
  await driver.ask({
    do: "open",
    options: { name, backend: "userspace", listenPort, ownKeys: [key.publicKey] },
    guarded,
  });
}
