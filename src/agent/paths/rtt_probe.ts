import { randomBytes } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import { rttPort } from "../../mesh/constants.ts";
import type { NodeId } from "../../mesh/ids.ts";
import type { PolicyRule } from "../../mesh/state.ts";
import { pause } from "../../telemetry/pause.ts";

const log = getLogger(["edgekeep", "agent"]);

/** Lets peers' measurements through the firewall of the mesh interface, whatever the policy says. */
export const rttRule: PolicyRule = {
  id: "edgekeep-rtt",
  src: ["*"],
  protocol: "udp",
  ports: [[rttPort, rttPort]],
  log: false,
};

/** What round trips are measured with. */
export interface RttProbeOptions {
  /** This node's address in the mesh. It need not be up yet. */
  readonly meshIp: string;
  /** Peers that are on the device; only their addresses are answered. */
  readonly peers: () => readonly { readonly nodeId: NodeId; readonly meshIp: string }[];
  /** Monotonic. */
  readonly nowMs?: () => number;
  readonly random?: () => number;
  /** Default: {@link rttPort}. */
  readonly port?: number;
}

/** What is known of one peer. */
interface Measured {
  dueMs: number;
  /** `firstMs`: what the question before took, of which this one is the repetition. */
  asked: { readonly nonce: string; readonly atMs: number; readonly firstMs: number | null } | null;
  rttMs: number | null;
  measuredMs: number;
  /** Answers given to this peer in the present second. */
  answers: number;
  secondMs: number;
}

/** `ekrt`, version 1, kind, two zeros, nonce of 8 bytes: a question and its answer have one size. */
const packetBytes = 16;
const magic = Uint8Array.of(0x65, 0x6b, 0x72, 0x74, 1);
const question = 0;
const answer = 1;
const everyMs = 30_000;
/** A value stays that long without a new one: three questions unanswered. */
const keptMs = 3 * everyMs + 5_000;
/** An answer that takes longer may have waited for a handshake: it is asked again at once, and the shorter time counts. */
const slowMs = 100;
const answersPerSecond = 10;
const rebindMs = 2_000;

/**
 * Measures the round trip to each peer inside the tunnel: a UDP packet of 16 bytes on the mesh address every 30 s, which
 * the peer's agent sends back. It needs neither a program nor a raw socket, and tells what a packet of the tunnel takes:
 * both tunnels and both agents included, encrypted as the rest. WireGuard proves who asks and who answers, and its
 * handshakes, which cannot be timed from outside, are left alone.
 */
export class RttProbe {
  readonly #options: RttProbeOptions;
  readonly #port: number;
  readonly #nowMs: () => number;
  readonly #measured = new Map<NodeId, Measured>();
  readonly #stopping = new AbortController();
  readonly #running: readonly Promise<void>[];
  #socket: Deno.DatagramConn | null = null;

  constructor(options: RttProbeOptions) {
    this.#options = options;
    this.#port = options.port ?? rttPort;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#running = [this.#receive(), this.#askInTurn()];
  }

  /** Last round trip, ms; `null`: none in the last minute and a half. Heartbeats carry it rounded. */
  rttMs(peer: NodeId): number | null {
    const measured = this.#measured.get(peer);
    return measured === undefined || this.#nowMs() - measured.measuredMs > keptMs ? null : measured.rttMs;
  }

  /** Asks a peer now: it also makes WireGuard use a path that was just chosen. */
  ask(peer: NodeId): void {
    const address = this.#options.peers().find(({ nodeId }) => nodeId === peer)?.meshIp;
    if (address !== undefined) this.#ask(peer, address);
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#close();
    await Promise.all(this.#running);
  }

  #of(peer: NodeId): Measured {
    const known = this.#measured.get(peer);
    if (known !== undefined) return known;
    const dueMs = this.#nowMs() + everyMs * (this.#options.random ?? Math.random)();
    const fresh = { dueMs, asked: null, rttMs: null, measuredMs: 0, answers: 0, secondMs: 0 };
    this.#measured.set(peer, fresh);
    return fresh;
  }

  async #askInTurn(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const peers = this.#options.peers();
      for (const { nodeId, meshIp } of peers) {
        if (this.#nowMs() >= this.#of(nodeId).dueMs) this.#ask(nodeId, meshIp);
      }
      if (this.#measured.size > peers.length) {
        const present = new Set(peers.map(({ nodeId }) => nodeId));
        for (const nodeId of this.#measured.keys()) if (!present.has(nodeId)) this.#measured.delete(nodeId);
      }
      await pause(1000, signal);
    }
  }

  #ask(peer: NodeId, address: string, firstMs: number | null = null): void {
    const measured = this.#of(peer);
    const nonce = randomBytes(8);
    const nowMs = this.#nowMs();
    measured.dueMs = nowMs + everyMs;
    measured.asked = { nonce: nonce.toString("hex"), atMs: nowMs, firstMs };
    this.#send(packetOf(question, nonce), address);
  }

  #send(packet: Uint8Array, hostname: string): void {
    // no route: the peer is not on the device; the address is gone: the socket is made anew
    this.#socket?.send(packet, { transport: "udp", hostname, port: this.#port }).catch(() => this.#close());
  }

  #close(): void {
    this.#socket?.close();
    this.#socket = null;
  }

  async #receive(): Promise<void> {
    const { signal } = this.#stopping;
    const buffer = new Uint8Array(packetBytes + 1);
    while (!signal.aborted) {
      try {
        this.#socket = Deno.listenDatagram({ transport: "udp", hostname: this.#options.meshIp, port: this.#port });
        const socket = this.#socket;
        for (;;) {
          const [packet, from] = await socket.receive(buffer);
          if (from.transport === "udp") this.#take(packet, from);
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#socket = null;
        log.debug("Round trips are not measured now: {reason}", {
          event: "rtt_socket_failed",
          reason: error instanceof Error ? error.message : String(error),
        });
        await pause(rebindMs, signal);
      }
    }
  }

  #take(packet: Uint8Array, from: Deno.NetAddr): void {
    if (packet.length !== packetBytes || from.port !== this.#port) return;
    if (!magic.every((byte, index) => packet[index] === byte)) return;
    const peer = this.#options.peers().find(({ meshIp }) => meshIp === from.hostname)?.nodeId;
    if (peer === undefined) return;
    const measured = this.#of(peer);
    const nonce = packet.slice(8);
    const nowMs = this.#nowMs();
    if (packet[5] === question) {
      if (nowMs - measured.secondMs >= 1000) {
        measured.secondMs = nowMs;
        measured.answers = 0;
      }
      if (measured.answers++ < answersPerSecond) this.#send(packetOf(answer, nonce), from.hostname);
    } else if (packet[5] === answer && measured.asked?.nonce === Buffer.from(nonce).toString("hex")) {
      const { atMs, firstMs } = measured.asked;
      const tookMs = nowMs - atMs;
      measured.asked = null;
      if (firstMs === null && tookMs > slowMs) return this.#ask(peer, from.hostname, tookMs);
      measured.rttMs = Math.min(tookMs, firstMs ?? tookMs);
      measured.measuredMs = nowMs;
    }
  }
}

function packetOf(kind: number, nonce: Uint8Array): Uint8Array {
  const packet = new Uint8Array(packetBytes);
  packet.set(magic);
  packet[5] = kind;
  packet.set(nonce, 8);
  return packet;
}
