import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Socket } from "node:net";
import { getLogger } from "@logtape/logtape";
import type { Audit } from "../../audit/audit.ts";
import { isWildcard, listenAddress, unmapped, urlHost } from "../../config/address.ts";
import { GuardedServer, serverOptions } from "../../http/guarded_server.ts";
import { LogBudget } from "../../http/log_budget.ts";
import type { FaultBoard } from "../../telemetry/fault_board.ts";
import { usablePair } from "../../tls/read_pair.ts";
import type { HubCore } from "../hub_core.ts";
import { AnswerRequests } from "./answer_requests.ts";
import { type HubApiLimits, type HubApiTimings, usualLimits, usualTimings } from "./api_limits.ts";
import { RefusalRecord } from "./refusal_record.ts";
import { StreamBoard } from "./stream_board.ts";

const log = getLogger(["edgekeep", "hub"]);

/** A certificate (chain) and its key, PEM. */
export interface HubTls {
  readonly cert: string;
  readonly key: string;
}

/** What the API for agents is started with. */
export interface HubApiOptions {
  /** `host:port`, `[hub].listen`; port 0 takes a free one. */
  readonly listen: string;
  /** Stays its owner's, who closes it after the API. */
  readonly core: HubCore;
  readonly tls: HubTls;
  readonly faults: FaultBoard;
  readonly audit: Audit;
  /** Hub time, µs since the epoch. */
  readonly nowUs: () => number;
  /** Other limits and times, for tests. */
  readonly limits?: Partial<HubApiLimits>;
  readonly timings?: Partial<HubApiTimings>;
  /** Where in its interval a stream's first tick comes, 0 to 1; for tests. */
  readonly random?: () => number;
}

/** The API for agents, running. */
export interface HubApi {
  /** Where it is reached, without a slash at the end; on every network that the machine has, its own name. */
  readonly url: string;
  readonly port: number;
  /** Requests and connections that were refused since the start. */
  refusedRequests(): number;
  /** The same by stable code. */
  refusedByCode(): ReadonlyMap<string, number>;
  /** Event streams that are open. */
  streams(): number;
  /** Connections that are open. */
  connections(): number;
  /**
   * Uses another certificate from the next connection on; what is open stays open.
   *
   * @throws CertificateError for a pair that cannot be used; the one before stays
   */
  setTls(tls: HubTls): void;
  /** Ends streams, finishes or cuts what is under way, and closes the listener. */
  stop(): Promise<void>;
}

/**
 * Starts the hub's HTTPS listener for agents: TLS 1.3 alone, requests signed by nodes, no instruction in any answer.
 * Rejects with the system's error (`EADDRINUSE`, …) when it cannot listen, with a CertificateError for a pair that cannot
 * be used.
 */
export async function startHubApi(options: HubApiOptions): Promise<HubApi> {
  const { core, audit, faults, nowUs } = options;
  const address = listenAddress(options.listen);
  const context = contextOf(options.tls);
  const limits = { ...usualLimits, ...options.limits };
  const timings = { ...usualTimings, ...options.timings };
  const refusals = new RefusalRecord(audit);
  const failures = new LogBudget();
  const streams = new StreamBoard({
    core,
    limits,
    timings,
    onFailed: (node, error) => {
      const suppressed = failures.take();
      if (suppressed === null) return;
      log.warn("The stream of node {node} was ended: {error}", { event: "hub_stream_failed", node, error, suppressed });
    },
    ...(options.random === undefined ? {} : { random: options.random }),
  });
  const requests = new AnswerRequests({ core, limits, timings, refusals, streams, nowUs });
  const server = createServer(
    { ...serverOptions(timings), ...context, maxHeaderSize: MAX_HEADER_BYTES },
    (incoming: IncomingMessage, outgoing: ServerResponse) => {
      guard.begin(incoming, outgoing);
      requests.answer(incoming, outgoing);
    },
  );
  server.on("clientError", (error: Error & { readonly code?: string }, socket: Socket) => {
    const slow = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
    refusals.count(slow ? "too_slow" : "not_http");
    const line = slow ? "408 Request Timeout" : "400 Bad Request";
    // after the end of what is written the connection does not wait for the other side's
    if (socket.writable) socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    const cut = setTimeout(() => socket.destroy(), timings.closeGraceMs);
    socket.once("close", () => clearTimeout(cut));
  });
  server.on("tlsClientError", () => refusals.count("no_handshake"));
  const guard = new GuardedServer(server, {
    timings,
    caps: limits,
    onPlain: (socket) => {
      refusals.count("not_tls");
      socket.destroy();
    },
    onHurried: () => refusals.count("connections_hurried"),
    onRefused: (from) => {
      refusals.count("connections_full");
      faults.raise(
        "hub_connections_full",
        `A connection from ${
          unmapped(from)
        } was refused: ${guard.size} are open, and there may be ${limits.total} in ` +
          `all and ${limits.perAddress} from one address`,
      );
      clearTimeout(fullTimer);
      fullTimer = setTimeout(() => faults.clear("hub_connections_full"), FULL_MS);
    },
    onError: (error) => log.error("The hub's listener failed: {error}", { event: "hub_api_failed", error }),
  });
  let fullTimer: ReturnType<typeof setTimeout> | undefined;
  let port: number;
  try {
    port = await guard.listen(address);
  } catch (error) {
    streams.stop();
    throw error;
  }
  const url = `https://${isWildcard(address.host) ? Deno.hostname() : urlHost(address.host)}:${port}`;
  log.info("The API for nodes is served at {url}", { event: "hub_listening", url });
  let stopping: Promise<void> | null = null;
  return {
    url,
    port,
    refusedRequests: () => refusals.counts.values().reduce((sum, count) => sum + count, 0),
    refusedByCode: () => refusals.counts,
    streams: () => streams.size,
    connections: () => guard.size,
    setTls(tls) {
      (server as unknown as { setSecureContext(context: unknown): void }).setSecureContext(contextOf(tls));
    },
    stop: () =>
      stopping ??= (async () => {
        streams.stop();
        await guard.stop();
        await requests.settled();
        clearTimeout(fullTimer);
        faults.clear("hub_connections_full");
      })(),
  };
}

/** A request of ours has less than 1.5 kB of headers. */
const MAX_HEADER_BYTES = 8_192;
/** How long after the last refused connection the fault stays, ms. */
const FULL_MS = 60_000;

/** A pair that cannot be used throws here: the server would take it, and fail with each handshake. */
function contextOf(tls: HubTls) {
  const { cert, key } = usablePair({ ...tls, ca: null }).material;
  return { cert, key, minVersion: "TLSv1.3" } as const;
}
