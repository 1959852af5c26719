import { getLogger } from "@logtape/logtape";
import { maxRelaySessions, relayBitsPerSecond } from "../../mesh/constants.ts";
import type { NodeId } from "../../mesh/ids.ts";
import type { HubCore, Relay } from "../hub_core.ts";
import { DatagramPort } from "./datagram_port.ts";
import type { UdpAddress } from "./endpoint_text.ts";
import { type DropReason, RelaySession, type Side } from "./relay_session.ts";

const log = getLogger(["edgekeep", "hub"]);

/** What a relay is started with. */
export interface RelayOptions {
  /** Address to listen on, `0.0.0.0` or `::`. */
  readonly host: string;
  /** First UDP port; a session has two, the first even in number from here. */
  readonly firstPort: number;
  /** Sessions at the same time, 1 to 256. Default: 256. */
  readonly sessions?: number;
  /** Of one session, both directions together. Default: 20 Mbit/s. */
  readonly bitsPerSecond?: number;
  /** Tells the keys of a node, current and prepared. */
  readonly core: Pick<HubCore, "wireguardKeys">;
  /** ms UTC, for the end of sessions. */
  readonly nowMs: () => number;
  /** Monotonic ms, for silence and rates. Default: `performance.now`. */
  readonly monotonicMs?: () => number;
  /** Called after a session ended because its time was over. */
  readonly expired?: (sessionId: string) => void;
}

/** A {@link Relay} that runs. */
export interface RunningRelay extends Relay {
  /** Why packets were dropped so far. */
  drops(): Readonly<Record<DropReason | "unsent", number>>;
  /** Ends every session and closes every port. */
  stop(): Promise<void>;
}

interface OpenSession {
  readonly id: string;
  readonly slot: number;
  readonly nodes: readonly [NodeId, NodeId];
  expiresMs: number;
  readonly judge: RelaySession;
  readonly ports: readonly [DatagramPort, DatagramPort];
}

const sweepMs = 1000;

/**
 * Starts the relay for pairs of nodes whose routers let no direct path through (mesh protocol, UDP relay). Each session
 * has two ports of its own, which are open only as long as it lasts. It forwards WireGuard's packets as they are and can
 * read none; who may send what where is {@link RelaySession}'s.
 */
export function startRelay(options: RelayOptions): RunningRelay {
  const { host, firstPort, core, nowMs, bitsPerSecond = relayBitsPerSecond } = options;
  const monotonicMs = options.monotonicMs ?? (() => performance.now());
  const most = options.sessions ?? maxRelaySessions;
  const lastPort = firstPort + 2 * most - 1;
  if (!(most >= 1 && most <= maxRelaySessions) || !(firstPort >= 1 && lastPort <= 65_535)) {
    throw new RangeError(`Cannot relay ${most} sessions on UDP ports ${firstPort} to ${lastPort}`);
  }
  const sessions = new Map<string, OpenSession>();
  const closing = new Set<Promise<void>>();
  const drops: Record<DropReason | "unsent", number> = {
    form: 0,
    mac1: 0,
    index: 0,
    source: 0,
    rate: 0,
    ended: 0,
    unsent: 0,
  };
  let forwardedBytes = 0;
  let nextSlot = 0;
  let stopped = false;

  const receiver = (sessionId: string, side: Side) =>
  (
    packet: Uint8Array,
    from: UdpAddress,
  ) => {
    const session = sessions.get(sessionId);
    if (session === undefined || nowMs() >= session.expiresMs) {
      drops.ended++;
      return false;
    }
    const verdict = session.judge.judge(side, packet, from, monotonicMs());
    if ("dropped" in verdict) {
      drops[verdict.dropped]++;
      return verdict.dropped === "rate";
    }
    return forward(session, side, packet, verdict.to);
  };

  const forward = async (
    session: OpenSession,
    side: Side,
    packet: Uint8Array,
    to: UdpAddress,
  ) => {
    const { length } = packet;
    if (await session.ports[side === 0 ? 1 : 0].send(packet, to)) forwardedBytes += length;
    else drops.unsent++;
    return true;
  };

  /** Stops a port; {@link RunningRelay.stop} waits for it. */
  const release = (port: DatagramPort) => {
    const ended: Promise<void> = port.stop().finally(() => closing.delete(ended));
    closing.add(ended);
  };

  const close = (session: OpenSession) => {
    sessions.delete(session.id);
    for (const port of session.ports) release(port);
  };

  const bindSlot = (sessionId: string, slot: number): OpenSession["ports"] | null => {
    const portOfA = firstPort + 2 * slot;
    let first: DatagramPort | undefined;
    try {
      first = new DatagramPort(host, portOfA, receiver(sessionId, 0));
      return [first, new DatagramPort(host, portOfA + 1, receiver(sessionId, 1))];
    } catch (error) {
      if (first !== undefined) release(first);
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      log.warn("Another program has UDP port {port} or the one after it; the relay goes on to the next", {
        event: "relay_port_taken",
        port: portOfA,
      });
      return null;
    }
  };

  /** The ports wished for, else the ones after those opened last: a pair is not to get the packets of the pair before. */
  const bind = (sessionId: string, wishedPort: number | undefined): Pick<OpenSession, "slot" | "ports"> => {
    const taken = new Set([...sessions.values()].map(({ slot }) => slot));
    const wished = ((wishedPort ?? NaN) - firstPort) / 2;
    const slots = [wished, ...Array.from({ length: most }, (_, n) => (nextSlot + n) % most)];
    for (const slot of slots) {
      if (!Number.isInteger(slot) || slot < 0 || slot >= most || taken.has(slot)) continue;
      const ports = bindSlot(sessionId, slot);
      taken.add(slot);
      if (ports === null) continue;
      nextSlot = (slot + 1) % most;
      return { slot, ports };
    }
    throw new RangeError(`Cannot open a relay session: all ${most} are taken`);
  };

  const sweep = setInterval(() => {
    const now = nowMs();
    for (const session of [...sessions.values()]) {
      if (now < session.expiresMs) continue;
      close(session);
      options.expired?.(session.id);
    }
  }, sweepMs);

  return {
    open({ sessionId, a, b, expiresUs, ports }) {
      if (stopped) throw new RangeError("Cannot open a relay session: the relay has stopped");
      if (sessions.has(sessionId)) throw new RangeError(`Cannot open relay session ${sessionId}: it is open`);
      if (sessions.size >= most) throw new RangeError(`Cannot open a relay session: all ${most} are taken`);
      const judge = new RelaySession(monotonicMs(), bitsPerSecond);
      judge.setKeys(0, core.wireguardKeys(a));
      judge.setKeys(1, core.wireguardKeys(b));
      const bound = bind(sessionId, ports?.portOfA);
      const session: OpenSession = { id: sessionId, nodes: [a, b], expiresMs: expiresUs / 1000, judge, ...bound };
      sessions.set(sessionId, session);
      return { portOfA: session.ports[0].address.port, portOfB: session.ports[1].address.port };
    },
    renew(sessionId, expiresUs) {
      const session = sessions.get(sessionId);
      if (session === undefined) throw new RangeError(`Cannot renew relay session ${sessionId}: it is not open`);
      session.expiresMs = expiresUs / 1000;
    },
    keysChanged(node) {
      for (const { nodes, judge } of sessions.values()) {
        for (const side of [0, 1] as const) {
          if (nodes[side] === node) judge.setKeys(side, core.wireguardKeys(node));
        }
      }
    },
    close(sessionId) {
      const session = sessions.get(sessionId);
      if (session !== undefined) close(session);
    },
    status: () => ({
      sessions: sessions.size,
      most,
      forwardedBytes,
      droppedPackets: Object.values(drops).reduce((sum, count) => sum + count, 0),
    }),
    drops: () => ({ ...drops }),
    async stop() {
      stopped = true;
      clearInterval(sweep);
      for (const session of [...sessions.values()]) close(session);
      await Promise.all(closing);
    },
  };
}
