import { Buffer } from "node:buffer";
import { join } from "node:path";
import { configSchema, type TlsConfig } from "../../src/config/schema.ts";
import { makeServerCertificate } from "../../src/tls/make_certificate.ts";
import { openServerCertificate } from "../../src/tls/open_server_certificate.ts";
import type { ServerCertificate } from "../../src/tls/server_certificate.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { listenWeb, type WebListener, type WebListenerOptions } from "../../src/web/listener.ts";

/** A web listener with a certificate of its own, in a folder that is removed at the end. */
export class TlsListener implements AsyncDisposable {
  private constructor(
    readonly folder: string,
    readonly certificate: ServerCertificate,
    readonly listener: WebListener,
    /** Open event streams of `/stream`, to write to. */
    readonly streams: Set<(text: string) => void>,
  ) {}

  /** The listener answers `/stream` with an endless stream, `/echo` with the body, `/large` with 64 MB, others with the path. */
  static async start(
    { tls = {}, ca, ...more }: Partial<Omit<WebListenerOptions, "tls">> & { tls?: Partial<TlsConfig>; ca?: string } =
      {},
  ): Promise<TlsListener> {
    const folder = await Deno.makeTempDir({ prefix: "edgekeep-listener-" });
    const cert_path = join(folder, "cert.pem");
    const key_path = join(folder, "key.pem");
    const ca_path = join(folder, "ca.pem");
    await writePair(folder);
    if (ca !== undefined) await Deno.writeTextFile(ca_path, ca);
    const config: TlsConfig = {
      ...configSchema.parse({}).runtime.tls,
      mode: "self-managed",
      cert_path,
      key_path,
      ...(ca === undefined ? {} : { ca_path }),
      ...tls,
    };
    const nowUs = () => Date.now() * 1000;
    const faults = new FaultBoard(nowUs);
    const certificate = await openServerCertificate({ config, faults, nowUs, checkEveryMs: 3_600_000 });
    const streams = new Set<(text: string) => void>();
    const listener = await listenWeb({
      address: { host: "127.0.0.1", port: 0 },
      tls: certificate,
      clientAuth: config.client_auth,
      handler: answerWith(streams),
      ...more,
    });
    return new TlsListener(folder, certificate, listener, streams);
  }

  get port(): number {
    return this.listener.port;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** A client that trusts the certificate of now, and nothing else; close it. */
  client(more: { cert?: string; key?: string; caCerts?: string[] } = {}): Deno.HttpClient {
    return Deno.createHttpClient(
      { caCerts: [this.certificate.material.cert], ...more } as Deno.CreateHttpClientOptions,
    );
  }

  /** Puts another certificate in place and has it read. */
  async renew(): Promise<void> {
    await writePair(this.folder);
    await this.certificate.check();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.stop();
    this.certificate.stop();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** What the test's server answers. */
export function answerWith(streams: Set<(text: string) => void>): WebListenerOptions["handler"] {
  return (incoming, outgoing) => {
    if (incoming.url === "/stream") {
      outgoing.writeHead(200, { "Content-Type": "text/event-stream" });
      outgoing.write("hello\n");
      const write = (text: string) => outgoing.write(text);
      streams.add(write);
      outgoing.on("close", () => streams.delete(write));
    } else if (incoming.url === "/echo") {
      const parts: Uint8Array[] = [];
      incoming.on("data", (part: Uint8Array) => parts.push(part));
      incoming.on("error", () => outgoing.destroy());
      incoming.on("end", () => outgoing.end(Buffer.concat(parts)));
    } else if (incoming.url === "/large") {
      const part = new Uint8Array(65_536);
      let left = 1000;
      const send = () => {
        while (left-- > 0) {
          if (!outgoing.write(part)) return void outgoing.once("drain", send);
        }
        outgoing.end();
      };
      send();
    } else {
      outgoing.setHeader("Content-Type", "text/plain");
      outgoing.end(`path ${incoming.url}`);
    }
  };
}

async function writePair(folder: string): Promise<void> {
  const { cert, key } = await makeServerCertificate({ names: ["localhost", "127.0.0.1", "127.0.0.2"] });
  await Deno.writeTextFile(join(folder, "cert.pem"), cert);
  await Deno.writeTextFile(join(folder, "key.pem"), key);
}
