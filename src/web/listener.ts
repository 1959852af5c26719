import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer, type ServerOptions } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { getLogger } from "@logtape/logtape";
import { isWildcard, type ListenAddress } from "../config/address.ts";
import type { TlsConfig } from "../config/schema.ts";
import { ClientCertificates, verifiedFingerprint } from "../tls/client_certificates.ts";
import type { ServerCertificate, TlsMaterial } from "../tls/server_certificate.ts";
import { type ConnectionCaps, ConnectionLimits } from "./connection_limits.ts";
import { peekFirstByte, TLS_HANDSHAKE } from "./first_byte.ts";
import { createHttpsRedirect } from "./https_redirect.ts";
import { PeerConnection, peerKey } from "./peer_connection.ts";

export { verifiedFingerprint };

const log = getLogger(["edgekeep", "web"]);
/** Connections that are still busy after this time are cut when the server stops, ms. */
const STOP_GRACE_MS = 500;

/** Limits on how slowly a client may be, ms. */
export interface HttpTimings {
  /** From connecting to the first byte, where HTTPS and HTTP are told apart by it. */
  readonly firstByteTimeoutMs: number;
  /** From the first byte to the end of the TLS handshake. */
  readonly handshakeTimeoutMs: number;
  /** From the first byte of a request to the end of its headers; also for a first request to come. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to the end of its body. Answers, streams above all, take as long as they take. */
  readonly requestTimeoutMs: number;
  /** Between an answer and the next request. */
  readonly keepAliveTimeoutMs: number;
  /** During which a client takes nothing of an answer that waits for it. */
  readonly stallTimeoutMs: number;
}

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
  const limits = new ConnectionLimits<PeerConnection>({ ...usualCaps, ...options.limits });
  const peers = new Map<string, PeerConnection>();
  const nextRequestMs = timings.keepAliveTimeoutMs + timings.headersTimeoutMs;

  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const peer = peers.get(peerKey(incoming.socket));
    peer?.begin(incoming, outgoing, nextRequestMs, () => limits.idles(peer));
    if (tls !== null && clientAuth === "require" && verifiedFingerprint(incoming.socket) === null) {
      refuseWithoutCertificate(outgoing);
    } else {
      handler(incoming, outgoing);
    }
  };
  const httpOptions = {
    headersTimeout: timings.headersTimeoutMs,
    requestTimeout: timings.requestTimeoutMs,
    connectionsCheckingInterval: Math.min(timings.headersTimeoutMs, 5_000),
    keepAliveTimeout: timings.keepAliveTimeoutMs,
  };
  const server: Server = tls === null
    ? createHttpServer(httpOptions, onRequest)
    : createHttpsServer({ ...httpOptions, ...tlsOptions(tls.material, clientAuth) }, onRequest);

  const admit = (socket: Socket): PeerConnection | null => {
    // whatever goes wrong with one connection ends that one alone
    socket.on("error", () => socket.destroy());
    const peer = new PeerConnection(socket);
    if (!limits.admit(peer)) {
      socket.destroy();
      return null;
    }
    peers.set(peer.key, peer);
    socket.once("close", () => {
      limits.remove(peer);
      if (peers.get(peer.key) === peer) peers.delete(peer.key);
    });
    return peer;
  };
  // the server's own way of taking a connection comes after ours
  const accept = server.listeners("connection");
  server.removeAllListeners("connection");
  const serve = (socket: Socket) => {
    for (const take of accept) take.call(server, socket);
  };

  let port = 0;
  let forgetChange = () => {};
  if (tls === null) {
    server.on("connection", (socket: Socket) => {
      const peer = admit(socket);
      if (peer === null) return;
      peer.allow(timings.headersTimeoutMs);
      serve(socket);
    });
  } else {
    const redirect = createHttpsRedirect({ host: ownHost(address, tls), port: () => port });
    server.on("connection", (socket: Socket) => {
      const peer = admit(socket);
      if (peer === null) return;
      peer.allow(timings.firstByteTimeoutMs);
      peekFirstByte(socket, (byte) => {
        if (byte === TLS_HANDSHAKE) {
          peer.allow(timings.handshakeTimeoutMs);
          serve(socket);
        } else {
          // all the time that a plain request has, whatever it is
          peer.allow(timings.headersTimeoutMs);
          redirect.emit("connection", socket);
          socket.resume();
        }
      });
    });
    const clients = new ClientCertificates(clientAuth === "none" ? null : tls.material.clientCa);
    // before the server reads the first request
    server.prependListener("secureConnection", (socket: TLSSocket) => {
      clients.note(socket);
      peers.get(peerKey(socket))?.allow(timings.headersTimeoutMs);
    });
    forgetChange = tls.onChange((material) => {
      if (clientAuth !== "none") requireCa(material);
      (server as unknown as SecureServer).setSecureContext(contextOf(material, clientAuth));
      // what another CA vouched for does not count any more
      if (clientAuth === "none" || !clients.replaceCa(material.clientCa)) return;
      for (const peer of [...limits.all()]) peer.cut();
    });
  }

  try {
    port = await listen(server, address);
  } catch (error) {
    forgetChange();
    throw error;
  }
  const stallTimer = setInterval(() => {
    const nowMs = performance.now();
    for (const peer of [...limits.all()]) peer.cutIfStalled(nowMs, timings.stallTimeoutMs);
  }, Math.min(timings.stallTimeoutMs, 5_000));

  let stopping: Promise<void> | null = null;
  return {
    port,
    get connections() {
      return limits.size;
    },
    stop: () =>
      stopping ??= (async () => {
        forgetChange();
        clearInterval(stallTimer);
        await close(server, limits);
      })(),
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

function close(server: Server, limits: ConnectionLimits<PeerConnection>): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      for (const peer of [...limits.all()]) peer.cut();
    }, STOP_GRACE_MS);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    for (const peer of [...limits.all()]) {
      if (peer.state() === "idle") peer.cut();
    }
  });
}
