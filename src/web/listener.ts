import type { IncomingMessage, ServerResponse } from "node:http";
import type { ListenAddress } from "../config/address.ts";
import type { TlsConfig } from "../config/schema.ts";
import type { ServerCertificate } from "../tls/server_certificate.ts";

/** Limits on how slowly a client may be, ms. */
export interface HttpTimings {
  /** From the first byte of a request to the end of its headers. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to the end of its body. */
  readonly requestTimeoutMs: number;
}

/** Limits on connections. */
export interface ConnectionCaps {
  readonly perAddress: number;
  readonly total: number;
}

/** What a web listener is started with. */
export interface WebListenerOptions {
  readonly address: ListenAddress;
  /** `null` serves plain HTTP. */
  readonly tls: ServerCertificate | null;
  readonly clientAuth: TlsConfig["client_auth"];
  readonly handler: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
  /** Shorter times, for tests. */
  readonly timings?: Partial<HttpTimings>;
  readonly limits?: Partial<ConnectionCaps>;
}

/** A web listener that runs. */
export interface WebListener {
  readonly port: number;
  /** Finishes or cuts what is under way, and closes the listener. */
  stop(): Promise<void>;
}

/** Starts the listener. Rejects with the system's error (`EADDRINUSE`, …) when it cannot listen. */
export function listenWeb(_options: WebListenerOptions): Promise<WebListener> {
  throw new Error("Cannot listen yet");
}

/** SHA-256 of the client certificate that the connection has proved to hold, upper-case hex pairs with colons. */
export function verifiedFingerprint(_socket: unknown): string | null {
  return null;
}
