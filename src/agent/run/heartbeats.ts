import { getLogger } from "@logtape/logtape";
import type { Heartbeat } from "../../mesh/api_messages.ts";
import { heartbeatIntervalMs } from "../../mesh/constants.ts";
import { meshTime } from "../../mesh/encoding.ts";
import { pause } from "../../telemetry/pause.ts";
import type { PeerStatus } from "../peers/peer_engine.ts";

const log = getLogger(["edgekeep", "agent"]);

/** What heartbeats tell. */
export interface HeartbeatParts {
  readonly send: (beat: Heartbeat) => Promise<void>;
  readonly position: () => {
    readonly epoch: number;
    readonly sequence: number;
    /** Of the state as it is here; `null`: none yet. */
    readonly sha256: string | null;
  };
  readonly peers: () => readonly PeerStatus[];
  readonly degraded: () => boolean;
  readonly version: string;
  readonly binarySha256: string;
  /** Default 30,000. */
  readonly intervalMs?: number;
}

/** Heartbeats that are wished for {@link Heartbeats.soon} have at least so much between them, ms. */
const apartMs = 5_000;

/** Tells the hub every 30 s how this node is doing. A heartbeat that fails is not repeated: the next one says it all. */
export class Heartbeats {
  readonly #parts: HeartbeatParts;
  readonly #ending = new AbortController();
  readonly #startedMs = performance.now();
  #waking = new AbortController();
  #soon: ReturnType<typeof setTimeout> | null = null;
  #sentMs = -Infinity;
  #running: Promise<void> | null = null;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  /** Begins, with one at once. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Sends the next one now. */
  now(): void {
    this.#waking.abort();
  }

  /** Sends the next one early, for something that the hub should know of: as often as this is called, every 5 s at most. */
  soon(): void {
    if (this.#ending.signal.aborted) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      this.now();
    }, Math.max(0, this.#sentMs + apartMs - performance.now()));
  }

  /** Ends. One that is under way is waited for: end the client's connections before. */
  async stop(): Promise<void> {
    this.#ending.abort();
    if (this.#soon !== null) clearTimeout(this.#soon);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      this.#sentMs = performance.now();
      try {
        await this.#parts.send(this.#beat());
      } catch (error) {
        log.debug("A heartbeat was not taken: {reason}", {
          event: "agent_heartbeat_failed",
          reason: error instanceof Error ? error.message : String(error),
        });
      }
      this.#waking = new AbortController();
      await pause(this.#parts.intervalMs ?? heartbeatIntervalMs, AbortSignal.any([signal, this.#waking.signal]));
    }
  }

  #beat(): Heartbeat {
    const { position, peers, degraded, version, binarySha256 } = this.#parts;
    const { epoch, sequence, sha256 } = position();
    return {
      epoch,
      sequence,
      ...sha256 === null ? {} : { state_sha256: sha256 },
      status: degraded() ? "degraded" : "ok",
      uptime_s: Math.floor((performance.now() - this.#startedMs) / 1000),
      version,
      binary_sha256: binarySha256,
      peers: peers().filter(({ state }) => state !== "refused").slice(0, 4096).map((peer) => ({
        node_id: peer.nodeId,
        ...peer.lastHandshakeUs === null || peer.lastHandshakeUs < 0
          ? {}
          : { last_handshake: meshTime(peer.lastHandshakeUs) },
        rx: peer.rxBytes,
        tx: peer.txBytes,
        path: peer.path,
        ...peer.rttMs === null ? {} : { rtt_ms: Math.round(peer.rttMs) },
      })),
    };
  }
}
