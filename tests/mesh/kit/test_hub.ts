import { join } from "node:path";
import type { AuditRecord } from "../../../src/audit/audit.ts";
import { connectControl } from "../../../src/control/control_client.ts";
import type { HubRule } from "../../../src/mesh/hub_admin.ts";
import type { ResultOf } from "../../../src/operations/schemas/operation_schemas.ts";
import { waitFor } from "../../lib/wait_for.ts";
import { edgekeep, EdgekeepProcess } from "./edgekeep_process.ts";
import { readAudit } from "./read_audit.ts";
import type { Machine, StartOptions } from "./machine.ts";

/** How a test's hub is set up. */
export interface TestHubOptions extends StartOptions {
  readonly machine: Machine;
  /** A folder of the test's own. */
  readonly folder: string;
  /** Where agents look for it. Default: the machine's address, port 8443. */
  readonly url?: string;
  /** Where it listens. Default: the port of the URL, on every address. */
  readonly listen?: string;
  /** More lines for the section `[hub]`. */
  readonly more?: string;
}

/** A hub in a process of its own, on a machine of a test. */
export class TestHub implements AsyncDisposable {
  readonly machine: Machine;
  readonly folder: string;
  readonly url: string;
  readonly #options: TestHubOptions;
  #process: EdgekeepProcess | null = null;

  private constructor(options: TestHubOptions) {
    this.#options = options;
    this.machine = options.machine;
    this.folder = options.folder;
    this.url = options.url ?? `https://${options.machine.address}:8443`;
  }

  /** Writes the configuration and starts the hub. */
  static async start(options: TestHubOptions): Promise<TestHub> {
    const hub = new TestHub(options);
    await Deno.mkdir(hub.folder, { recursive: true });
    const config = `
[gateway]
name = "test hub"
data_dir = ${JSON.stringify(hub.dataDir)}
[runtime.web]
listen = "127.0.0.1:8080"
[hub]
url = "${hub.url}"
listen = "${options.listen ?? `0.0.0.0:${new URL(hub.url).port}`}"
${options.more ?? ""}
`;
    await Deno.writeTextFile(hub.configFile, config, { mode: 0o600 });
    await hub.run();
    return hub;
  }

  get configFile(): string {
    return join(this.folder, "hub.toml");
  }

  get dataDir(): string {
    return join(this.folder, "data");
  }

  get pid(): number {
    if (this.#process === null) throw new Error("The hub does not run");
    return this.#process.pid;
  }

  get runs(): boolean {
    return this.#process !== null && this.#process.exitCode === null;
  }

  /** What it has printed since it last started. */
  output(): string {
    return this.#process?.output() ?? "";
  }

  /** Starts it, with another clock if one is given, and waits until it answers. */
  async run(options: StartOptions = this.#options): Promise<void> {
    const process = new EdgekeepProcess(this.machine, ["hub", "run", "--config", this.configFile], options);
    this.#process = process;
    await waitFor("the hub to be ready", async () => {
      if (process.exitCode !== null) return true;
      await this.call("hub.status");
      return true;
    }, { everyMs: 50, deadlineMs: 60_000 });
    if (process.exitCode !== null) throw new Error(`The hub ended with ${process.exitCode}:\n${process.output()}`);
  }

  /** Ends it, if it runs. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    await this.#process?.end(signal);
    this.#process = null;
  }

  /** An `edgekeep hub …` command against it; it must succeed. */
  async command(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await edgekeep(this.machine, ["hub", ...args, "--config", this.configFile]);
    if (code !== 0) throw new Error(`edgekeep hub ${args.join(" ")} failed (${code}): ${err}${out}\n${this.output()}`);
    return out;
  }

  /** Calls an operation on its control socket, as the machine's root; it must succeed. */
  async call(operation: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const control = await connectControl({ endpoint: `unix://${join(this.dataDir, "control.sock")}` });
    try {
      return await control.call(operation, params);
    } finally {
      control.close();
    }
  }

  /** Makes these rules the whole policy. */
  async allow(rules: readonly HubRule[]): Promise<void> {
    const { version } = await this.call("hub.policy") as ResultOf<"hub.policy">;
    await this.call("hub.policy.set", { rules, version });
  }

  /** A new join token. */
  async token({ group = "", uses = 1, minutes = 15 } = {}): Promise<string> {
    const wish = { label: "test", group, uses, minutes };
    const { text } = await this.call("hub.token.create", wish) as ResultOf<"hub.token.create">;
    return text;
  }

  /** What is on its record, oldest first. */
  audit(): Promise<AuditRecord[]> {
    return readAudit(join(this.dataDir, "audit"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
