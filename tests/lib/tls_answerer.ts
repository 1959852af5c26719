import { X509Certificate } from "node:crypto";
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { certificateKey } from "../../src/agent/hub_client/certificate_key.ts";
import { sha256Hex } from "../../src/mesh/encoding.ts";
import { makeServerCertificate } from "../../src/tls/make_certificate.ts";

/** A key pair for a {@link TlsAnswerer}, with the pin that names it. */
export interface PinnedPair {
  readonly cert: string;
  readonly key: string;
  /** SHA-256 of the SPKI, hex. */
  readonly pin: string;
}

/** Makes a self-signed certificate as a hub has it. */
export async function pinnedPair(): Promise<PinnedPair> {
  const { cert, key } = await makeServerCertificate({ names: ["hub.example"] });
  return { cert, key, pin: sha256Hex(certificateKey(new X509Certificate(cert).raw) ?? new Uint8Array()) };
}

/** An HTTPS server of a test on loopback, with TLS 1.3, that counts connections and bytes of requests. */
export class TlsAnswerer implements AsyncDisposable {
  connections = 0;
  requests = 0;
  /** Bytes that came through TLS. */
  received = 0;
  readonly #server;

  private constructor({ cert, key }: PinnedPair, answer: RequestListener) {
    this.#server = createServer({ cert, key, minVersion: "TLSv1.3" }, (request, response) => {
      this.requests++;
      answer(request, response);
    });
    this.#server.on("secureConnection", (socket) => {
      this.connections++;
      socket.on("data", (part: Uint8Array) => this.received += part.length);
      socket.on("error", () => {});
    });
    this.#server.on("tlsClientError", () => {});
  }

  static async start(pair: PinnedPair, answer: RequestListener): Promise<TlsAnswerer> {
    const server = new TlsAnswerer(pair, answer);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
