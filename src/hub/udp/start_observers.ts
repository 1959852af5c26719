import { isLaterTai64n, openInitiation } from "../../mesh/noise_initiation.ts";
import { hasMac1With, mac1Key, packetKind } from "../../mesh/wireguard_packet.ts";
import type { WireGuardKey } from "../../mesh/keys.ts";
import { addressKey } from "../../config/address_key.ts";
import { TokenBuckets } from "../../telemetry/token_buckets.ts";
import type { HubCore } from "../hub_core.ts";
import { DatagramPort } from "./datagram_port.ts";
import { endpointText, type UdpAddress } from "./endpoint_text.ts";
import { TokenBucket } from "./token_bucket.ts";

/** What became of the datagrams that the observers got. */
export interface ObserverCounters {
  readonly received: number;
  /** Told to the core. */
  readonly observed: number;
  /** Not an initiation, by type or size. */
  readonly form: number;
  /** Made for somebody else. */
  readonly mac1: number;
  /** Above 10 a second from one address, or one /64 of IPv6. */
  readonly sourceRate: number;
  /** Above 200 a second in all. */
  readonly totalRate: number;
  /** Made for the observer, but cannot be opened. */
  readonly sealed: number;
  /** By a key that no active node has. */
  readonly unknownNode: number;
  /** Not later than the last of that node: a copy. */
  readonly replayed: number;
  /** Times a port was not read for a while, since a flood came in. */
  readonly pauses: number;
}

/** What the observers are started with. */
export interface ObserverOptions {
  /** Address to listen on, `0.0.0.0` or `::`. */
  readonly host: string;
  readonly ports: readonly [number, number];
  readonly keys: readonly [WireGuardKey, WireGuardKey];
  readonly core: Pick<HubCore, "observed" | "nodeOfWireguardKey">;
  /** Monotonic ms. */
  readonly nowMs: () => number;
  readonly limits?: { readonly perSource?: number; readonly total?: number };
}

/** The observers as they run. */
export interface RunningObservers {
  /** Where they are bound. */
  readonly addresses: readonly [string, string];
  counters(): ObserverCounters;
  stop(): Promise<void>;
}

/** Nodes whose last time stamp is kept, for each observer: more than a hub has. */
const mostNodes = 16_384;

/**
 * Starts the two UDP ports that see under which address a node's tunnel appears on this side of its router (mesh
 * protocol, endpoint observation). They read WireGuard handshake initiations, tell the core who sent one from where,
 * and never send anything: nothing can be amplified or reflected by them, and a probe finds no open port.
 *
 * @throws Deno.errors.AddrInUse when a port is taken
 */
export function startObservers(options: ObserverOptions): Promise<RunningObservers> {
  const { host, ports, keys, core, nowMs } = options;
  const { perSource = 10, total = 200 } = options.limits ?? {};
  const counts: Record<Exclude<keyof ObserverCounters, "pauses">, number> = {
    received: 0,
    observed: 0,
    form: 0,
    mac1: 0,
    sourceRate: 0,
    totalRate: 0,
    sealed: 0,
    unknownNode: 0,
    replayed: 0,
  };
  const all = new TokenBucket(total, total, nowMs());
  const sources = new TokenBuckets(nowMs);

  const receiver = (observer: 0 | 1) => {
    const key = keys[observer];
    const mac1 = mac1Key(key.publicKey);
    // Of each observer by itself: the two initiations of one observation may carry the same time.
    const lastTimes = new Map<string, Uint8Array>();
    const judge = (packet: Uint8Array, from: UdpAddress): keyof typeof counts => {
      if (packetKind(packet) !== "initiation") return "form";
      if (!hasMac1With(packet, mac1)) return "mac1";
      if (!sources.take(addressKey(from.hostname), perSource * 60, perSource).ok) return "sourceRate";
      if (!all.take(1, nowMs())) return "totalRate";
      const opened = openInitiation(packet, key);
      if (opened === null) return "sealed";
      const node = core.nodeOfWireguardKey(opened.publicKey);
      if (node === null) return "unknownNode";
      if (!isLaterTai64n(opened.tai64n, lastTimes.get(node) ?? null)) return "replayed";
      lastTimes.delete(node);
      lastTimes.set(node, opened.tai64n);
      if (lastTimes.size > mostNodes) {
        for (const oldest of [...lastTimes.keys()].slice(0, 1)) {
          lastTimes.delete(oldest);
        }
      }
      core.observed(opened.publicKey, observer, endpointText(from), opened.tai64n);
      return "observed";
    };
    return (packet: Uint8Array, from: UdpAddress) => {
      counts.received++;
      const outcome = judge(packet, from);
      counts[outcome]++;
      return outcome === "observed";
    };
  };

  return open();

  async function open(): Promise<RunningObservers> {
    const first = new DatagramPort(host, ports[0], receiver(0));
    let second: DatagramPort;
    try {
      second = new DatagramPort(host, ports[1], receiver(1));
    } catch (error) {
      await first.stop();
      throw error;
    }
    return {
      addresses: [endpointText(first.address), endpointText(second.address)],
      counters: () => ({ ...counts, pauses: first.pauses + second.pauses }),
      async stop() {
        await Promise.all([first.stop(), second.stop()]);
      },
    };
  }
}
