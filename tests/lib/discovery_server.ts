import { fileURLToPath } from "node:url";
import { freePort } from "../../src/cli/free_port.ts";
import { waitFor } from "./wait_for.ts";
import { textLines } from "./text_lines.ts";

/** How a discovery server behaves. */
export interface DiscoveryServerOptions {
  /** A port of 127.0.0.1; a free one without it. */
  readonly port?: number;
  /** Folder of its certificates, kept by the test for a server that starts again; else one that goes with it. */
  readonly pki?: string;
  /** Lets every application register; true unless told otherwise. */
  readonly trustsEverybody?: boolean;
  /** Is one of before OPC UA 1.04. */
  readonly withoutRegister2?: boolean;
  /** Takes registrations and never answers. */
  readonly silent?: boolean;
  /** Beside None, over which everybody may ask for its endpoints. */
  readonly policies?: readonly ("Basic256Sha256" | "Aes128_Sha256_RsaOaep" | "Aes256_Sha256_RsaPss")[];
  readonly modes?: readonly ("Sign" | "SignAndEncrypt")[];
}

/** What a discovery server tells of itself. */
export interface DiscoveryServerEvent {
  readonly event: "ready" | "asked" | "registered" | "unregistered";
  readonly service?: "RegisterServer" | "RegisterServer2";
  readonly mode?: string;
  readonly policy?: string;
  readonly isOnline?: boolean;
  /** How it may be announced on the network; empty with RegisterServer. */
  readonly configuration?: readonly { readonly name: string; readonly capabilities: readonly string[] }[];
  readonly first?: boolean;
  readonly forced?: boolean;
  readonly serverUri?: string;
  readonly productUri?: string;
  readonly names?: readonly string[];
  readonly serverType?: number;
  readonly discoveryUrls?: readonly string[];
  readonly semaphoreFilePath?: string | null;
}

/** A discovery server in a process of its own. Dispose it to shut it down. */
export interface DiscoveryServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pki: string;
  /** PEM file of its certificate. */
  readonly certificateFile: string;
  /** What happened so far. */
  of(event: DiscoveryServerEvent["event"]): readonly DiscoveryServerEvent[];
  /** Ends the process without a word. */
  kill(): Promise<void>;
}

/** Starts node-opcua's discovery server. */
export async function startDiscoveryServer(options: DiscoveryServerOptions = {}): Promise<DiscoveryServer> {
  for (let left = options.port === undefined ? 3 : 1;; left--) {
    const server = await startOn(options.port ?? freePort("127.0.0.1", 0), options);
    if (server !== null) return server;
    // somebody else may have taken the port meanwhile
    if (left === 1) throw new Error("the discovery server's process ended");
  }
}

/** `null` when the process ends before it is ready. */
async function startOn(port: number, options: DiscoveryServerOptions): Promise<DiscoveryServer | null> {
  const ownPki = options.pki === undefined;
  const pki = options.pki ?? await Deno.makeTempDir({ prefix: "edgekeep-discovery-" });
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      fileURLToPath(new URL("./discovery_server_main.ts", import.meta.url)),
      JSON.stringify({ ...options, port, pki }),
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: Deno.env.get("EDGEKEEP_TEST_CLIENT_LOG") ? "inherit" : "null",
  }).spawn();
  const events: DiscoveryServerEvent[] = [];
  let ended = false;
  const reading = (async () => {
    for await (const line of textLines(child.stdout)) {
      if (line.startsWith('{"event"')) events.push(JSON.parse(line));
    }
    ended = true;
  })();
  const of = (event: DiscoveryServerEvent["event"]) => events.filter((one) => one.event === event);
  const end = async (signal: "SIGKILL" | null) => {
    if (signal !== null && !ended) child.kill(signal);
    await child.stdin.close().catch(() => {});
    const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
    await child.status;
    clearTimeout(timer);
    await reading;
  };
  let over: Promise<void> | undefined;
  const server: DiscoveryServer = {
    url: `opc.tcp://127.0.0.1:${port}`,
    port,
    pki,
    certificateFile: `${pki}/own/certs/certificate.pem`,
    of,
    kill: () => over ??= end("SIGKILL"),
    async [Symbol.asyncDispose]() {
      await (over ??= end(null));
      if (ownPki) await Deno.remove(pki, { recursive: true });
    },
  };
  try {
    await waitFor("the discovery server", () => ended || of("ready").length > 0, { deadlineMs: 60_000 });
  } catch (error) {
    await server.kill();
    throw error;
  }
  if (!ended) return server;
  await server[Symbol.asyncDispose]();
  return null;
}
