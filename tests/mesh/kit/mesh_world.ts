import { join } from "node:path";
import type { HubRule } from "../../../src/mesh/hub_admin.ts";
import { waitFor } from "../../lib/wait_for.ts";
import type { Machine } from "./machine.ts";
import { MeshNetwork, type Site } from "./mesh_network.ts";
import { Mitm } from "./mitm.ts";
import { StolenHub } from "./stolen_hub.ts";
import { TestAgent, type TestAgentOptions } from "./test_agent.ts";
import { TestHub, type TestHubOptions } from "./test_hub.ts";

/** Where agents look for the hub of a {@link MeshWorld}. */
const HUB_ADDRESS = "203.0.113.1";
/** Where the hub listens when somebody sits between it and its agents. */
const BEHIND = { host: "127.0.0.1", port: 9443 } as const;

/** Every node may ping every other one: the rule that a new mesh has. */
export const ping: HubRule = {
  id: "ping",
  from: ["*"],
  to: ["*"],
  protocol: "icmp",
  ports: [],
  log: false,
  comment: "",
};

/** What a {@link MeshWorld} is made of. */
export interface MeshWorldOptions extends Partial<Pick<TestHubOptions, "more" | "clockOffsetS">> {
  /** A man in the middle with the hub's TLS key sits between the hub and its agents. */
  readonly mitm?: boolean;
}

/** How an agent of a {@link MeshWorld} is made. */
export interface WorldAgentOptions extends Partial<Omit<TestAgentOptions, "tunnel">> {
  /** A token of the test's own making. Default: a new one of the hub. */
  readonly token?: string;
  /** Group that it starts in. */
  readonly group?: string;
}

/** A small internet with a hub on it, one LAN, and the agents that a test adds, which may ping each other as in every new mesh. All of it goes with `await using`. */
export class MeshWorld implements AsyncDisposable {
  readonly network: MeshNetwork;
  /** A folder of this world's own. */
  readonly folder: string;
  readonly agents: TestAgent[] = [];
  readonly #parts = new AsyncDisposableStack();
  #hub: TestHub | null = null;
  #mitm: Mitm | null = null;
  #lan: Promise<Site> | null = null;

  private constructor(network: MeshNetwork, folder: string) {
    this.network = network;
    this.folder = folder;
  }

  static async create({ mitm = false, ...options }: MeshWorldOptions = {}): Promise<MeshWorld> {
    const folder = await Deno.makeTempDir({ prefix: "edgekeep-mesh-" });
    let world: MeshWorld | null = null;
    try {
      world = new MeshWorld(await MeshNetwork.create(), folder);
      const machine = await world.network.publicMachine("hub", HUB_ADDRESS);
      world.#hub = world.#parts.use(
        await TestHub.start({
          ...options,
          machine,
          folder: join(folder, "hub"),
          ...mitm ? { listen: `${BEHIND.host}:${BEHIND.port}` } : {},
        }),
      );
      if (mitm) await world.#sitBetween();
      return world;
    } catch (error) {
      if (world !== null) await world[Symbol.asyncDispose]();
      else await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  get hub(): TestHub {
    if (this.#hub === null) throw new Error("The world has no hub yet");
    return this.#hub;
  }

  get mitm(): Mitm {
    if (this.#mitm === null) throw new Error("Nobody sits between the hub and its agents in this world");
    return this.#mitm;
  }

  /** Every secret of the hub, as whoever copied its data has them now. */
  stealHub(): StolenHub {
    return StolenHub.read(join(this.hub.dataDir, "hub", "hub.db"));
  }

  /** A machine on the LAN that all agents of this world are on unless they say otherwise. */
  async machine(name: string): Promise<Machine> {
    this.#lan ??= this.network.site("lan");
    return await (await this.#lan).machine(name);
  }

  /** Writes the configuration of an agent; neither joins nor runs. */
  async newAgent(name: string, options: WorldAgentOptions = {}): Promise<TestAgent> {
    const { token: _, group: __, ...more } = options;
    const agent = await TestAgent.create({
      folder: join(this.folder, name),
      tunnel: this.network.tunnel(name),
      ...more,
      machine: options.machine ?? await this.machine(name),
    });
    this.agents.push(this.#parts.use(agent));
    return agent;
  }

  /** An agent that has joined and runs. */
  async join(name: string, options: WorldAgentOptions = {}): Promise<TestAgent> {
    const agent = await this.newAgent(name, options);
    const group = options.group === undefined ? {} : { group: options.group };
    await agent.joinWith(options.token ?? await this.hub.token(group));
    await agent.run();
    return agent;
  }

  /** Agents that have joined, run, and reach each other. */
  async joinAll(names: readonly string[], options: WorldAgentOptions = {}): Promise<TestAgent[]> {
    const agents: TestAgent[] = [];
    for (const name of names) agents.push(await this.join(name, options));
    await this.untilAllReach(agents);
    return agents;
  }

  /** Waits until each of the agents reaches each other one through the tunnel. */
  async untilAllReach(agents: readonly TestAgent[] = this.agents): Promise<void> {
    for (const from of agents) {
      for (const to of agents) {
        if (from !== to) await this.untilReaches(from, to);
      }
    }
  }

  /** Waits until one agent reaches another one through the tunnel. */
  async untilReaches(from: TestAgent, to: TestAgent, deadlineMs = 60_000): Promise<void> {
    const meshIp = await to.meshIp();
    await waitFor(`${from.machine.name} to reach ${to.machine.name}`, () => from.machine.reaches(meshIp), {
      deadlineMs,
    }).catch(async (error: unknown) => {
      const said = [JSON.stringify(await from.peers(), null, 1), from.output(), to.output(), this.hub.output()];
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said.join("\n---\n")}`);
    });
  }

  /** Ends the hub's present man in the middle and lets one with the present TLS key take his place. */
  async #sitBetween(): Promise<void> {
    const { certificatePem, privateKeyPem } = this.stealHub();
    const [certificateFile, keyFile] = [join(this.folder, "mitm.crt"), join(this.folder, "mitm.key")];
    await Deno.writeTextFile(certificateFile, certificatePem);
    await Deno.writeTextFile(keyFile, privateKeyPem, { mode: 0o600 });
    const listen = { host: HUB_ADDRESS, port: 8443 };
    this.#mitm = this.#parts.use(
      await Mitm.start({ machine: this.hub.machine, listen, hub: BEHIND, certificateFile, keyFile }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#parts.disposeAsync();
    } finally {
      await this.network[Symbol.asyncDispose]();
      await Deno.remove(this.folder, { recursive: true });
    }
  }
}
