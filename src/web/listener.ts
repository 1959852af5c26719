import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer, type ServerOptions } from "node:https";
import type { TLSSocket } from "node:tls";
import { getLogger } from "@logtape/logtape";
import { isWildcard, type ListenAddress } from "../config/address.ts";
import type { TlsConfig } from "../config/schema.ts";
import { ClientCertificates, verifiedFingerprint } from "../tls/client_certificates.ts";
import type { ServerCertificate, TlsMaterial } from "../tls/server_certificate.ts";
import type { ConnectionCaps } from "../http/connection_limits.ts";
import { GuardedServer, type HttpTimings, serverOptions } from "../http/guarded_server.ts";
import { createHttpsRedirect } from "./https_redirect.ts";

export { verifiedFingerprint };

const log = getLogger(["edgekeep", "web"]);
const usualTimings: HttpTimings = {
  firstByteTimeoutMs: 10_000,
  handshakeTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 5_000,
  stallTimeoutMs: 120_000,
};
const usualCaps: ConnectionCaps = { perAddress: 64, total: 512 };

/** What a web listener is started with. */
export interface WebListenerOptions {
  readonly address: ListenAddress;
  /** `null` serves plain HTTP. Stays its owner's, who stops it after the listener. */
  readonly tls: ServerCertificate | null;
  /** What `[runtime.tls].client_auth` says; without meaning where `tls` is `null`. */
  readonly clientAuth: TlsConfig["client_auth"];
  readonly handler: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
  /** Shorter times, for tests. */
  readonly timings?: Partial<HttpTimings>;
  readonly limits?: Partial<ConnectionCaps>;
}

/** A web listener that runs. */
export interface WebListener {
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Finishes or cuts what is under way, and closes the listener. */
  stop(): Promise<void>;
}

/**
 * Serves HTTP, or with a certificate HTTPS (TLS 1.2 and 1.3) and on the same port a redirect for plain requests. A new
 * certificate counts from the next connection on. Slow clients are cut off, and connections are limited.
 *
 * Rejects with the system's error (`EADDRINUSE`, …) when it cannot listen, and with a RangeError when client
 * certificates are asked for without a CA that they could come from.
 */
export async function listenWeb(options: WebListenerOptions): Promise<WebListener> {
  const { address, tls, clientAuth, handler } = options;
  const timings = { ...usualTimings, ...options.timings };
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    guard.begin(incoming, outgoing);
    if (tls !== null && clientAuth === "require" && verifiedFingerprint(incoming.socket) === null) {
      refuseWithoutCertificate(outgoing);
    } else {
      handler(incoming, outgoing);
    }
  };
  const httpOptions = serverOptions(timings);
  const server: Server = tls === null
    ? createHttpServer(httpOptions, onRequest)
    : createHttpsServer({ ...httpOptions, ...tlsOptions(tls.material, clientAuth) }, onRequest);
  let port = 0;
  const redirect = tls === null ? null : createHttpsRedirect({ host: ownHost(address, tls), port: () => port });
  const guard = new GuardedServer(server, {
    timings,
    caps: { ...usualCaps, ...options.limits },
    onPlain: redirect && ((socket) => {
      redirect.emit("connection", socket);
      socket.resume();
    }),
    onError: (error) => log.error("The web server failed: {error}", { event: "web_failed", error }),
  });

  let forgetChange = () => {};
  if (tls !== null) {
    const clients = new ClientCertificates(clientAuth === "none" ? null : tls.material.clientCa);
    // before the server reads the first request
    server.prependListener("secureConnection", (socket: TLSSocket) => clients.note(socket));
    forgetChange = tls.onChange((material) => {
      if (clientAuth !== "none") requireCa(material);
      (server as unknown as SecureServer).setSecureContext(contextOf(material, clientAuth));
      // what another CA vouched for does not count any more
      if (clientAuth !== "none" && clients.replaceCa(material.clientCa)) guard.cutAll();
    });
  }

  try {
    port = await guard.listen(address);
  } catch (error) {
    forgetChange();
    throw error;
  }
  return {
    port,
    get connections() {
      return guard.size;
    },
    stop: () => {
      forgetChange();
      return guard.stop();
    },
  };
}

/** The part of `node:tls`'s server that swaps a certificate. */
interface SecureServer {
  setSecureContext(context: Pick<ServerOptions, "cert" | "key" | "ca" | "minVersion">): void;
}

function contextOf(material: TlsMaterial, clientAuth: TlsConfig["client_auth"]) {
  const { cert, key, clientCa } = material;
  // the ciphers are the library's: those of TLS 1.3, and of TLS 1.2 the ones with forward secrecy and AEAD alone
  const context = { cert, key, minVersion: "TLSv1.2" } as const;
  return clientAuth === "none" || clientCa === null ? context : { ...context, ca: clientCa };
}

function tlsOptions(material: TlsMaterial, clientAuth: TlsConfig["client_auth"]): ServerOptions {
  const context = contextOf(material, clientAuth);
  if (clientAuth === "none") return context;
  requireCa(material);
  return { ...context, requestCert: true, rejectUnauthorized: clientAuth === "require" };
}

/** Without a CA the library would trust every public one, and everybody can buy a certificate of those. */
function requireCa({ clientCa }: TlsMaterial): void {
  if (clientCa !== null) return;
  throw new RangeError("Cannot ask for client certificates as [runtime.tls].ca_path names no CA");
}

function refuseWithoutCertificate(outgoing: ServerResponse): void {
  const problem = JSON.stringify({
    title: "Forbidden",
    status: 403,
    code: "client_certificate_required",
    detail: "This gateway asks for a client certificate",
  });
  outgoing.writeHead(403, { "Content-Type": "application/problem+json", "Connection": "close" });
  outgoing.end(problem);
}

/** A name for redirects of requests that name none. */
function ownHost({ host }: ListenAddress, { facts }: ServerCertificate): string {
  return isWildcard(host) ? facts.names.find((name) => !name.includes("*")) ?? "localhost" : host;
}
