import { request } from "node:https";
import { join } from "node:path";
import type { HubStatusAnswer } from "../../src/web/api_schema.ts";
import { meshTimeUs } from "../../src/mesh/encoding.ts";
import { parseJoinToken } from "../../src/mesh/join_token.ts";
import { freePort } from "../../src/cli/free_port.ts";
import { collectOutput } from "./collect_output.ts";
import { edgekeepArguments } from "./gateway_process.ts";
import { type HubWorld, SimulatedNode } from "./hub_world.ts";
import { waitFor } from "./wait_for.ts";

/** The program of the checkout, run to its end. */
export async function edgekeep(
  args: readonly string[],
  { stdin = "", env = {} }: { readonly stdin?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: edgekeepArguments(...args),
    env: { NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** Ports of a hub's own. */
export interface HubPorts {
  readonly api: number;
  readonly web: number;
  readonly observers: readonly [number, number];
}

/** Ports that are free now. */
export function hubPorts(): HubPorts {
  const port = () => freePort("127.0.0.1", 0);
  return { api: port(), web: port(), observers: [port(), port()] };
}

/** A configuration for a hub of this machine alone. */
export function hubConfig({ api, web, observers }: HubPorts, more = ""): string {
  return `[gateway]
name = "test hub"
data_dir = "./data"
[runtime.web]
listen = "127.0.0.1:${web}"
auth = "token"
[hub]
url = "https://127.0.0.1:${api}"
listen = "127.0.0.1:${api}"
observer_ports = [${observers.join(", ")}]
relay_sessions = 0
${more}`;
}

/** A hub in a process of its own. */
export class HubProcess implements AsyncDisposable {
  readonly #folder: string;
  readonly #ports: HubPorts;
  #child: Deno.ChildProcess | null = null;
  #collected: ReturnType<typeof collectOutput> | null = null;

  readonly #env: Readonly<Record<string, string>>;
  readonly #program: readonly string[];

  private constructor(
    folder: string,
    ports: HubPorts,
    env: Readonly<Record<string, string>>,
    program: readonly string[],
  ) {
    this.#folder = folder;
    this.#ports = ports;
    this.#env = env;
    this.#program = program;
  }

  /**
   * Writes the configuration into a new folder and starts the hub.
   *
   * @param more the end of the configuration, in `[hub]`
   * @param program arguments of `deno` that start the program: the checkout's unless told
   */
  static async start(
    more = "",
    environment: (folder: string) => Readonly<Record<string, string>> = () => ({}),
    program: readonly string[] = edgekeepArguments(),
  ): Promise<HubProcess> {
    const folder = await Deno.makeTempDir({ prefix: "edgekeep-hub-" });
    const ports = hubPorts();
    const hub = new HubProcess(folder, ports, environment(folder), program);
    await hub.write(hubConfig(ports, more));
    await hub.run();
    return hub;
  }

  get folder(): string {
    return this.#folder;
  }

  get ports(): HubPorts {
    return this.#ports;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#ports.web}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  output(): string {
    return this.#collected?.text() ?? "";
  }

  async write(config: string): Promise<void> {
    await Deno.writeTextFile(join(this.#folder, "edgekeep.toml"), config, { mode: 0o600 });
  }

  /** Starts the process and waits until it serves. */
  async run(): Promise<void> {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...this.#program, "hub", "run", "--project", this.#folder],
      cwd: this.#folder,
      env: { ...this.#env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#collected = collectOutput(this.#child);
    let ended: number | null = null;
    void this.#child.status.then(({ code }) => ended = code);
    try {
      await waitFor("the hub to be ready", async () => {
        if (ended !== null) throw new Error(`The hub ended with ${ended}`);
        const answer = await fetch(`${this.url}/readyz`);
        await answer.body?.cancel();
        return answer.ok;
      }, { deadlineMs: 60_000, everyMs: 50 });
    } catch (error) {
      await this.end("SIGKILL");
      throw new Error(`Cannot start the hub; it printed:\n${this.output()}`, { cause: error });
    }
  }

  /** Runs `edgekeep hub …` with this hub's configuration. */
  async cli(...args: readonly string[]): ReturnType<typeof edgekeep> {
    return await edgekeep(["hub", ...args, "--project", this.#folder]);
  }

  async status(token: string): Promise<HubStatusAnswer> {
    return await (await fetch(`${this.url}/api/v1/status`, { headers: { authorization: `Bearer ${token}` } })).json();
  }

  /** An API token of this role, as somebody on the machine makes it. */
  async token(role: string): Promise<string> {
    const { code, out, err } = await edgekeep([
      "token",
      "create",
      role,
      "--role",
      role,
      "--json",
      "--project",
      this.#folder,
    ]);
    if (code !== 0) throw new Error(err);
    return JSON.parse(out).token;
  }

  /** Lets a node join, as its agent would. */
  async joinNode(name: string, joinToken: string): Promise<SimulatedNode> {
    const { hub } = parseJoinToken(joinToken);
    const world = { clock: { nowUs: () => Date.now() * 1000 }, core: { hubId: hub } } as unknown as HubWorld;
    const node = new SimulatedNode(world, name);
    const body = node.registerText(joinToken);
    const status = await new Promise<number>((resolve, reject) => {
      const sent = request({
        host: "127.0.0.1",
        port: this.#ports.api,
        method: "POST",
        path: "/v1/register",
        rejectUnauthorized: false,
        agent: false,
        headers: { "content-type": "application/json", "content-length": new TextEncoder().encode(body).length },
      }, (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode ?? 0));
      });
      sent.on("error", reject);
      sent.end(body);
    });
    if (status !== 200) throw new Error(`The hub answered the registration with ${status}:\n${this.output()}`);
    return node;
  }

  /** Ends the process; gives its exit code. */
  async end(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    const child = this.#child;
    if (child === null) return 0;
    this.#child = null;
    try {
      child.kill(signal);
    } catch {
      // it has ended by itself
    }
    const { code } = await child.status;
    await this.#collected?.ended;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** The end of a join token, µs. */
export function expiryOf(joinToken: string): number {
  return meshTimeUs(parseJoinToken(joinToken).expires_at);
}
