import type { OpenAPIHono } from "@hono/zod-openapi";
import { getRequestListener } from "@hono/node-server";
import { getLogger } from "@logtape/logtape";
import { Counter, Gauge, type Registry } from "prom-client";
import type { Access } from "../access/access.ts";
import type { Audit } from "../audit/audit.ts";
import { isWildcard, listenAddress, urlHost } from "../config/address.ts";
import type { TlsConfig, WebConfig } from "../config/schema.ts";
import type { Operations } from "../operations/operation.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { ServerCertificate } from "../tls/server_certificate.ts";
import type { ConnectionCaps } from "../http/connection_limits.ts";
import type { ApiContext, DebugWindow, WebEnv } from "./api_context.ts";
import type { HttpTimings } from "../http/guarded_server.ts";
import { listenWeb, type WebListener } from "./listener.ts";
import type { LiveTimings } from "./live_hub.ts";
import { Problem, problemResponse } from "./problem.ts";
import { loadStaticAssets } from "./static_assets.ts";
import { createWebApp } from "./web_app.ts";
import { WebSite } from "./web_site.ts";

const log = getLogger(["edgekeep", "web"]);

/** What the web server of every role shows, and where. */
export interface ServeOptions {
  readonly config: WebConfig;
  readonly feed: EventFeed;
  readonly faults: FaultBoard;
  readonly metrics: Registry;
  readonly isReady: () => boolean;
  readonly operations: Operations;
  readonly access: Access;
  readonly audit: Audit;
  /** Certificate of `[runtime.tls]`; needed when `[runtime.web].tls` is true. */
  readonly certificate: ServerCertificate | null;
  readonly tls: TlsConfig;
  readonly debug: DebugWindow;
  /** The folder `static/`, with a slash at the end. */
  readonly assetsUrl: URL;
  /** Shorter times, for tests. */
  readonly timings?: Partial<HttpTimings & LiveTimings>;
  /** Other limits on connections, for tests. */
  readonly limits?: Partial<ConnectionCaps>;
}

/** What only one role has: its routes and its live streams. */
export interface RoleSite {
  readonly context: Pick<ApiContext, "role" | "instance" | "names" | "status">;
  readonly addRoutes: (app: OpenAPIHono<WebEnv>, context: ApiContext) => void;
  readonly live: { readonly size: number; readonly sentBytes: number; stop(): void };
}

/** A web server that runs. */
export interface WebHandle {
  /** Where it is reached, without a slash at the end; on every network that the machine has, its own name. */
  readonly url: string;
  /** Port that it listens on. */
  readonly port: number;
  /**
   * Applies changed settings to requests from now on: names and origins, limits, realm, who looks without login. Another
   * address or TLS needs a new server.
   */
  configure(change: { readonly config: WebConfig }): void;
  /** Ends streams, finishes or cuts what is under way, and closes the listener. */
  stop(): Promise<void>;
}

/**
 * Serves the page and the API. Rejects with the system's error (`EADDRINUSE`, …) when it cannot listen, and with
 * RangeError when it is to serve HTTPS without a certificate; the role's live streams are then stopped.
 */
export async function serveWeb(options: ServeOptions, role: RoleSite): Promise<WebHandle> {
  try {
    return await serve(options, role);
  } catch (error) {
    role.live.stop();
    throw error;
  }
}

async function serve(options: ServeOptions, { context: roleContext, addRoutes, live }: RoleSite): Promise<WebHandle> {
  const { config, tls } = options;
  const address = listenAddress(config.listen);
  const certificate = config.tls ? options.certificate : null;
  if (config.tls && certificate === null) {
    throw new RangeError("Cannot serve HTTPS as [runtime.web].tls needs a certificate: current value is none");
  }
  const hostname = Deno.hostname();
  const site = new WebSite({ config, certificate, hostname });
  const assets = await loadStaticAssets(options.assetsUrl);
  const metrics = registerMetrics(options.metrics, live);
  const context: ApiContext = { ...options, ...roleContext, site };
  const app = createWebApp({
    context,
    addRoutes: (app) => addRoutes(app, context),
    assets,
    onAnswer: metrics.onAnswer,
  });
  const answer = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    errorHandler: () =>
      problemResponse(new Problem(400, "bad_request", "The request line or the Host header is not valid")),
  });
  let listener: WebListener;
  try {
    listener = await listenWeb({
      address,
      tls: certificate,
      clientAuth: tls.client_auth,
      handler: (incoming, outgoing) => void answer(incoming, outgoing),
      ...(options.timings === undefined ? {} : { timings: options.timings }),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
  } catch (error) {
    metrics.remove();
    throw error;
  }
  const { port } = listener;
  site.port = port;
  const shownHost = isWildcard(address.host) ? hostname : urlHost(address.host);
  const url = `${certificate === null ? "http" : "https"}://${shownHost}:${port}`;
  log.info("The page is served at {url}", { event: "web_listening", url });
  let stopping: Promise<void> | null = null;
  return {
    url,
    port,
    configure: (change) => site.configure(change.config),
    stop: () =>
      stopping ??= (async () => {
        live.stop();
        metrics.remove();
        await listener.stop();
      })(),
  };
}

function registerMetrics(registry: Registry, live: RoleSite["live"]) {
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
      this.set(live.size);
    },
  });
  new Counter({
    name: "edgekeep_web_stream_bytes_total",
    help: "Bytes that live event streams have handed out",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(live.sentBytes);
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
