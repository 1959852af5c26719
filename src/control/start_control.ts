import { createServer, type Server } from "node:net";
import { getLogger } from "@logtape/logtape";
import type { Access } from "../access/access.ts";
import { localPrincipal } from "../access/principal.ts";
import type { Audit } from "../audit/audit.ts";
import { type Endpoint, parseEndpoint, urlHost } from "../config/address.ts";
import type { ControlConfig } from "../config/schema.ts";
import type { Operations } from "../operations/operation.ts";
import type { SessionEntry, SessionSource } from "../operations/session_source.ts";
import { Backoff } from "../telemetry/backoff.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { ServerCertificate } from "../tls/server_certificate.ts";
import { type ControlLimits, controlLimits } from "./limits.ts";
import { Peers } from "./peers.ts";
import { tlsDoor } from "./tls_door.ts";
import { listenUnix, type PlacedSocket } from "./unix_socket.ts";

const log = getLogger(["edgekeep", "control"]);
/** The port or socket is free at once; the runtime's own bookkeeping may take so long, ms. */
const CLOSE_WITHIN_MS = 1_000;
const SWEEP_MS = 1_000;
const LOOK_MS = 10_000;

/** What the control endpoint is made of. */
export interface ControlOptions {
  readonly config: ControlConfig;
  /** Speaks TLS on TCP when there is one. A unix socket never does. */
  readonly certificate: ServerCertificate | null;
  readonly operations: Operations;
  readonly access: Access;
  readonly audit: Audit;
  readonly faults: FaultBoard;
  readonly nowUs: () => number;
  /** In place of what {@link controlLimits} gives. */
  readonly limits?: Partial<ControlLimits>;
  /** How often it is looked whether the unix socket is still at its path, ms. Default 10,000. */
  readonly lookEveryMs?: number;
}

/** A control endpoint that listens. */
export interface ControlHandle extends SessionSource {
  /** `unix://…`, `tcp://…` or `tls://…`, with the port that it really has. */
  readonly url: string;
  /** Its connections; those without a credential have no name. */
  list(): SessionEntry[];
  close(id: string): boolean;
  stop(): Promise<void>;
}

/**
 * Starts the control endpoint. Rejects when it cannot listen: the error's `exitCode` is 6, or its code is the system's.
 * A listener that fails later is opened again, and is the fault `control_failed` until then.
 */
export async function startControl(options: ControlOptions): Promise<ControlHandle> {
  const { config, certificate, operations, access, audit, nowUs, faults } = options;
  const endpoint = parseEndpoint(config.endpoint);
  if (endpoint === null) {
    throw new RangeError(
      `Cannot start the control endpoint as it must be unix://path or tcp://host:port: current value is ${config.endpoint}`,
    );
  }
  const unix = endpoint.kind === "unix";
  const tls = unix || certificate === null ? null : tlsDoor(certificate);
  const peers = new Peers({
    operations,
    access,
    audit,
    nowUs,
    limits: { ...controlLimits(config.max_connections, config.idle_timeout_seconds, unix), ...options.limits },
    principal: unix && !config.require_token ? localPrincipal : null,
    unix,
    tls,
  });
  const listener = new Listener(endpoint, config.group, peers, faults, tls !== null);
  try {
    await listener.start(options.lookEveryMs ?? LOOK_MS);
  } catch (error) {
    tls?.stop();
    throw error;
  }
  const sweeping = setInterval(() => peers.sweep(), SWEEP_MS);
  log.info("Control endpoint listens on {url}", { event: "control_listening", url: listener.url });
  return {
    url: listener.url,
    list: () => peers.list(),
    close: (id) => peers.close(id),
    stop: async () => {
      clearInterval(sweeping);
      const closed = listener.stop();
      await peers.stop();
      await closed;
      tls?.stop();
    },
  };
}

/** The listening socket, opened again when it fails or when its file is gone. Connections outlive it. */
class Listener {
  readonly #endpoint: Endpoint;
  readonly #group: string | undefined;
  readonly #peers: Peers;
  readonly #faults: FaultBoard;
  readonly #scheme: "unix" | "tcp" | "tls";
  readonly #backoff = new Backoff();
  #server: Server | null = null;
  #placed: PlacedSocket | null = null;
  /** Free ports are chosen once, so that the URL stays true. */
  #port: number | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #lookEveryMs = LOOK_MS;
  #working: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(endpoint: Endpoint, group: string | undefined, peers: Peers, faults: FaultBoard, tls: boolean) {
    this.#endpoint = endpoint;
    this.#group = group;
    this.#peers = peers;
    this.#faults = faults;
    this.#scheme = endpoint.kind === "unix" ? "unix" : tls ? "tls" : "tcp";
  }

  get url(): string {
    const endpoint = this.#endpoint;
    return endpoint.kind === "unix"
      ? `unix://${endpoint.path}`
      : `${this.#scheme}://${urlHost(endpoint.host)}:${this.#port ?? endpoint.port}`;
  }

  async start(lookEveryMs: number): Promise<void> {
    this.#lookEveryMs = lookEveryMs;
    await this.#open();
    this.#lookLater();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#working;
    await this.#placed?.remove();
    await this.#shut();
    this.#faults.clear("control_failed");
  }

  async #open(): Promise<void> {
    // whoever has sent its last byte may still read: `nc -N` does; behind TLS, half-open sockets would hide that a peer left
    const server = createServer({ allowHalfOpen: this.#scheme !== "tls" }, (socket) => this.#peers.accept(socket));
    const endpoint = this.#endpoint;
    if (endpoint.kind === "unix") this.#placed = await listenUnix(server, endpoint.path, this.#group);
    else this.#port = await listenTcp(server, endpoint.host, this.#port ?? endpoint.port);
    this.#server = server;
    server.on("error", (error) => this.#fail(server, error.message));
  }

  #fail(server: Server | null, reason: string): void {
    if (this.#stopped || server !== this.#server) return;
    this.#faults.raise("control_failed", `${this.url}: ${reason}`);
    this.#after(this.#backoff.next(performance.now()), () => this.#reopen());
  }

  async #reopen(): Promise<void> {
    // nobody waits for the connections that came through it
    void this.#shut();
    try {
      await this.#open();
    } catch (error) {
      this.#fail(null, error instanceof Error ? error.message : String(error));
      return;
    }
    this.#backoff.succeeded(performance.now());
    this.#faults.clear("control_failed");
    log.warn("Control endpoint listens again on {url}", { event: "control_listening", url: this.url });
    this.#lookLater();
  }

  /** A socket's file can be deleted under a listener, which then listens where nobody can come. */
  #lookLater(): void {
    if (this.#endpoint.kind !== "unix") return;
    this.#after(this.#lookEveryMs, async () => {
      if (await this.#placed?.inPlace()) this.#lookLater();
      else this.#fail(this.#server, "its file is no longer there");
    });
  }

  #after(ms: number, work: () => Promise<void>): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (!this.#stopped) this.#working = work();
    }, ms);
  }

  #shut(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return Promise.resolve();
    return new Promise((resolve) => {
      // every connection is destroyed by then; older runtimes forget to count one that closed from both sides
      const late = setTimeout(resolve, CLOSE_WITHIN_MS);
      server.close(() => {
        clearTimeout(late);
        resolve();
      });
    });
  }
}

function listenTcp(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.removeListener("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
