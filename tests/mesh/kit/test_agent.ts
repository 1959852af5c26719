import { join } from "node:path";
import { AgentFolder } from "../../../src/agent/files/agent_folder.ts";
import type { PeerStatus } from "../../../src/agent/peers/peer_engine.ts";
import type { AgentStatus } from "../../../src/agent/run/agent_status.ts";
import { askAgent } from "../../../src/cli/agent/ask_agent.ts";
import type { AuditRecord } from "../../../src/audit/audit.ts";
import type { NodeId } from "../../../src/mesh/ids.ts";
import { waitFor } from "../../lib/wait_for.ts";
import { edgekeep, EdgekeepProcess } from "./edgekeep_process.ts";
import { readAudit } from "./read_audit.ts";
import type { Machine, Outcome, StartOptions } from "./machine.ts";

/** How a test's agent is set up. */
export interface TestAgentOptions extends StartOptions {
  readonly machine: Machine;
  /** A folder of the test's own. */
  readonly folder: string;
  /** Name of its tunnel: of `MeshNetwork.tunnel()`. */
  readonly tunnel: string;
  /** More lines for the section `[agent]`. */
  readonly more?: string;
}

/** An agent in a process of its own, on a machine of a test. */
export class TestAgent implements AsyncDisposable {
  readonly machine: Machine;
  readonly folder: string;
  readonly tunnel: string;
  readonly #options: TestAgentOptions;
  #process: EdgekeepProcess | null = null;

  private constructor(options: TestAgentOptions) {
    this.#options = options;
    this.machine = options.machine;
    this.folder = options.folder;
    this.tunnel = options.tunnel;
  }

  /** Writes the configuration; neither joins nor runs. */
  static async create(options: TestAgentOptions): Promise<TestAgent> {
    const agent = new TestAgent(options);
    await Deno.mkdir(agent.folder, { recursive: true });
    const config = `
[agent]
dir = ${JSON.stringify(agent.dir)}
interface = "${options.tunnel}"
${options.more ?? ""}
`;
    await Deno.writeTextFile(agent.configFile, config, { mode: 0o600 });
    return agent;
  }

  /** Creates, joins and runs one. */
  static async join(options: TestAgentOptions, token: string): Promise<TestAgent> {
    const agent = await TestAgent.create(options);
    await agent.joinWith(token);
    await agent.run();
    return agent;
  }

  get configFile(): string {
    return join(this.folder, "agent.toml");
  }

  /** Where it keeps its keys and its state. */
  get dir(): string {
    return join(this.folder, "agent");
  }

  get pid(): number {
    if (this.#process === null) throw new Error("The agent does not run");
    return this.#process.pid;
  }

  get runs(): boolean {
    return this.#process !== null && this.#process.exitCode === null;
  }

  /** What it has printed since it last started. */
  output(): string {
    return this.#process?.output() ?? "";
  }

  /** `edgekeep agent …`, to its end. */
  async attempt(args: readonly string[], options: StartOptions & { readonly input?: string } = {}): Promise<Outcome> {
    return await edgekeep(this.machine, ["agent", ...args, "--config", this.configFile], {
      ...this.#options.clockOffsetS === undefined ? {} : { clockOffsetS: this.#options.clockOffsetS },
      ...options,
    });
  }

  /** `edgekeep agent …`; it must succeed. */
  async command(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.attempt(args);
    if (code !== 0) {
      throw new Error(`edgekeep agent ${args.join(" ")} failed (${code}): ${err}${out}\n${this.output()}`);
    }
    return out;
  }

  /** Joins with a token given on the input. */
  async joinWith(token: string): Promise<void> {
    const { code, out, err } = await this.attempt(["join"], { input: `${token}\n` });
    if (code !== 0) throw new Error(`edgekeep agent join on ${this.machine.name} failed (${code}): ${err}${out}`);
  }

  /** Starts it and waits until it answers. */
  async run(options: StartOptions = this.#options): Promise<void> {
    const process = new EdgekeepProcess(this.machine, ["agent", "run", "--config", this.configFile], options);
    this.#process = process;
    await waitFor("the agent to run", async () => {
      if (process.exitCode !== null) return true;
      await this.status();
      return true;
    }, { everyMs: 20, deadlineMs: 60_000 });
    if (process.exitCode !== null) throw new Error(`The agent ended with ${process.exitCode}:\n${process.output()}`);
  }

  /** Ends it, if it runs. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    await this.#process?.end(signal);
    this.#process = null;
  }

  /** Asks it on its socket, as `edgekeep agent` does. */
  async ask(question: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return await askAgent(this.dir, question, params);
  }

  /** What `edgekeep agent status --json` says. */
  async status(): Promise<AgentStatus> {
    return await this.ask("status") as AgentStatus;
  }

  /** What `edgekeep agent peers --json` says. */
  async peers(): Promise<PeerStatus[]> {
    return await this.ask("peers") as PeerStatus[];
  }

  /** The id that its keys give it. */
  async nodeId(): Promise<NodeId> {
    const keys = await (await AgentFolder.open(this.dir)).keys();
    if (keys === null) throw new Error(`${this.machine.name} has not joined`);
    return keys.nodeId;
  }

  /** The address that it got when it joined. */
  async meshIp(): Promise<string> {
    const trust = await (await AgentFolder.open(this.dir)).trust.read();
    if (trust === null) throw new Error(`${this.machine.name} has not joined`);
    return trust.mesh_ip;
  }

  /** What is on its record, oldest first. */
  audit(): Promise<AuditRecord[]> {
    return readAudit(join(this.dir, "audit"));
  }

  /**
   * What the tunnel has, by `wg show … dump`: the fields of each peer that has addresses in the mesh. The hub's
   * observers, which come and go, have none.
   */
  async wireGuard(): Promise<string[][]> {
    const out = await this.machine.ok("wg", ["show", this.tunnel, "dump"]);
    return out.trim().split("\n").slice(1).map((line) => line.split("\t")).filter(([, , , ip]) => ip !== "(none)");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
