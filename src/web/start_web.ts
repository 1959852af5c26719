import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { getLogger } from "@logtape/logtape";
import { Counter, Gauge, type Registry } from "prom-client";
import { isLoopback, type ListenAddress, listenAddress, urlHost } from "../config/address.ts";
import type { WebConfig } from "../config/schema.ts";
import type { DeviceDefinition } from "../config/topology.ts";
import type { HistoryQueries } from "../history/history.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { GatewayStatus } from "../telemetry/status.ts";
import { DeviceDirectory } from "./device_directory.ts";
import { HistoryAccess } from "./history_access.ts";
import { LiveHub, type LiveTimings } from "./live_hub.ts";
import { Problem, problemResponse } from "./problem.ts";
import { loadStaticAssets } from "./static_assets.ts";
import { createWebApp } from "./web_app.ts";

const log = getLogger(["edgekeep", "web"]);
/** Connections that are still busy after this time are cut when the server stops, ms. */
const STOP_GRACE_MS = 500;

/** What the web server shows and where. */
export interface WebOptions {
  readonly config: WebConfig;
  readonly tags: TagStore;
  readonly devices: () => readonly DeviceDefinition[];
  readonly history: HistoryQueries;
  readonly feed: EventFeed;
  readonly faults: FaultBoard;
  readonly metrics: Registry;
  readonly status: () => GatewayStatus;
  readonly isReady: () => boolean;
  /** The folder `static/`, with a slash at the end. */
  readonly assetsUrl: URL;
  /** Shorter times, for tests. */
  readonly timings?: Partial<HttpTimings & LiveTimings>;
}

/** Limits on how slowly a client may send its request, ms. */
export interface HttpTimings {
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** A web server that runs. */
export interface WebHandle {
  /** Where it is reached, without a slash at the end. */
  readonly url: string;
  /** Ends streams, finishes or cuts what is under way, and closes the listener. */
  stop(): Promise<void>;
}

/**
 * Starts the page and the API. Rejects with an error whose `code` is `not_loopback` (and `exitCode` 3) when the address
 * could be reached from the network, and with the system's error (`EADDRINUSE`, …) when it cannot listen.
 */
export async function startWeb(options: WebOptions): Promise<WebHandle> {
  const address = listenAddress(options.config.listen);
  if (!isLoopback(address.host)) throw notLoopback(options.config.listen);
  const assets = await loadStaticAssets(options.assetsUrl);
  const devices = new DeviceDirectory(options.devices);
  const hub = new LiveHub({ ...options, devices });
  const metrics = registerMetrics(options.metrics, hub);
  const app = createWebApp({
    context: { ...options, devices, hub, history: new HistoryAccess(options.history) },
    assets,
    allowedHosts: [address.host],
    onAnswer: metrics.onAnswer,
  });
  const { headersTimeoutMs = 10_000, requestTimeoutMs = 60_000 } = options.timings ?? {};
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    errorHandler: () =>
      problemResponse(new Problem(400, "bad_request", "The request line or the Host header is not valid")),
  });
  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(headersTimeoutMs, 5_000),
      keepAliveTimeout: 5_000,
    },
    (incoming, outgoing) => void listener(incoming, outgoing),
  );
  let port: number;
  try {
    port = await listen(server, address);
  } catch (error) {
    hub.stop();
    metrics.remove();
    throw error;
  }
  const url = `http://${urlHost(address.host)}:${port}`;
  log.info("The page is served at {url}", { event: "web_listening", url });
  let stopping: Promise<void> | null = null;
  return {
    url,
    stop: () =>
      stopping ??= (async () => {
        hub.stop();
        metrics.remove();
        await close(server);
      })(),
  };
}

function notLoopback(listen: string): Error {
  const error = new RangeError(
    `Cannot serve the page as [runtime.web].listen must be a loopback address: current value is ${listen}`,
  );
  return Object.assign(error, { code: "not_loopback", exitCode: 3 });
}

function listen(server: Server, { host, port }: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      server.on("error", (error) => {
        log.error("The web server failed: {error}", { event: "web_failed", error });
      });
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? bound.port : port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), STOP_GRACE_MS);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function registerMetrics(registry: Registry, hub: LiveHub) {
  const answers = new Counter({
    name: "edgekeep_web_answers_total",
    help: "Answers of the web server, by status",
    labelNames: ["status"],
    registers: [registry],
  });
  new Gauge({
    name: "edgekeep_web_streams",
    help: "Live event streams that are open",
    registers: [registry],
    collect() {
      this.set(hub.size);
    },
  });
  new Counter({
    name: "edgekeep_web_stream_bytes_total",
    help: "Bytes that live event streams have handed out",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(hub.sentBytes);
    },
  });
  return {
    onAnswer: (status: number) => answers.inc({ status: String(status) }),
    remove: () => {
      for (const name of ["answers_total", "streams", "stream_bytes_total"]) {
        registry.removeSingleMetric(`edgekeep_web_${name}`);
      }
    },
  };
}
