import { openCommands } from "../../src/commands/open_commands.ts";
import type { Commands, CommandState } from "../../src/commands/commands.ts";
import { commandDefinitions } from "../../src/config/command_definitions.ts";
import type { CommandDefinition } from "../../src/config/command_definition.ts";
import { type ChirpStackConfig, chirpstackSchema, type CommandsConfig, configSchema } from "../../src/config/schema.ts";
import { topologyOf } from "../../src/config/topology.ts";
import { createOperations } from "../../src/operations/create_operations.ts";
import {
  API_TOKEN,
  quickConfig,
  quickTiming,
  startQuietSimulator,
} from "../../src/sources/chirpstack/testing/world.ts";
import { type ChirpStackSource, startChirpStack } from "../../src/sources/chirpstack/start_chirpstack.ts";
import type { Simulator } from "../../src/sources/simulator/start_simulator.ts";
import { startTestServer, type TestServer } from "./opcua_client_gateway.ts";
import { type OpcUaClientProcess, startOpcUaClient } from "./opcua_client_process.ts";
import { OperationsWorld, PASSWORD } from "./operations_world.ts";
import { waitFor } from "./wait_for.ts";

/** Simulated devices: class A, which fetches a downlink with its next uplink, and class C, which gets it at once. */
export const valve = "02ed9ee000000003";
export const meter = "02ed9ee000000002";

/** Commands of every form, as a configuration writes them. */
export const valveCommands = [
  { command_id: 1, command_name: "Valve", command_port: 1, command_confirmed: true, class: "valve" },
  { command_id: 2, command_name: "Mode", command_port: 2, enum: [0, 1, 2] },
  { command_id: 3, command_name: "Level", command_port: 3, command_confirmed: true, min: 0, max: 100 },
  {
    command_id: 4,
    command_name: "Setpoint",
    command_port: 4,
    payload: { bytes: "02 {target:i16be*10}" },
    argument: [{ name: "target", type: "Float", min: -20, max: 40, unit: "°C" }],
  },
  {
    command_id: 5,
    command_name: "Pulse",
    command_port: 5,
    command_confirmed: true,
    payload: { bytes: "01 {position:u8} {seconds:u16be}" },
    argument: [{ name: "position", min: 0, max: 100, unit: "%" }, { name: "seconds", min: 1, max: 3600 }],
  },
  { command_id: 6, command_name: "Flush", command_port: 6, payload: { bytes: "FF" }, argument: [] },
  { command_id: 7, command_name: "Counter", command_port: 7, payload: { bytes: "{value:u32be}" } },
  {
    command_id: 8,
    command_name: "Position",
    command_port: 8,
    payload: { object: { valve: "{value}" } },
    type: "String",
    enum: ["open", "close", "ajar"],
  },
  { command_id: 9, command_name: "Hidden", command_port: 9, enabled: false },
  {
    command_id: 10,
    command_name: "Hasty",
    command_port: 10,
    command_confirmed: true,
    // long enough to be queued and sent on a busy machine, too
    deadline_seconds: 4,
  },
] as const;

/** Commands of the class C device. */
export const meterCommands = [
  { command_id: 1, command_name: "Relay", command_port: 1, command_confirmed: true, class: "valve" },
] as const;

type CommandSketch = Readonly<Record<string, unknown>>;

/** The definitions of a configuration with these commands. */
export function definitionsOf(
  valveOnes: readonly CommandSketch[] = valveCommands,
  meterOnes: readonly CommandSketch[] = meterCommands,
): CommandDefinition[] {
  return commandDefinitions(configOf(valveOnes, meterOnes));
}

function configOf(valveOnes: readonly CommandSketch[], meterOnes: readonly CommandSketch[]) {
  const device = (device_id: string, device_name: string, command: readonly CommandSketch[]) => ({
    device_id,
    device_name,
    command,
  });
  return configSchema.parse({
    application: [{
      application_id: "field",
      application_name: "Field",
      device: [device(valve, "Valve 1", valveOnes), device(meter, "Meter 1", meterOnes)],
    }],
  });
}

/** What a test wants different. */
export interface CommandsWorldOptions {
  readonly limits?: Partial<CommandsConfig>;
  readonly chirpstack?: Partial<ChirpStackConfig>;
  readonly timing?: Partial<NonNullable<Parameters<typeof openCommands>[0]["timing"]>>;
}

/**
 * The way down, from an OPC UA client in a process of its own, through operations, access and audit over real files and
 * the engine of commands, by gRPC to the simulated network server and its devices.
 */
export class CommandsWorld implements AsyncDisposable {
  readonly simulator: Simulator;
  readonly commands: Commands;
  readonly world: OperationsWorld;
  readonly server: TestServer;
  readonly client: OpcUaClientProcess;
  source: ChirpStackSource;
  readonly #chirpstack: Partial<ChirpStackConfig>;

  private constructor(
    parts: Pick<CommandsWorld, "simulator" | "commands" | "world" | "server" | "client">,
    chirpstack: Partial<ChirpStackConfig>,
  ) {
    ({ simulator: this.simulator, commands: this.commands, world: this.world } = parts);
    this.server = parts.server;
    this.client = parts.client;
    this.#chirpstack = chirpstack;
    this.source = this.#startSource();
  }

  static async open({ limits = {}, chirpstack = {}, timing = {} }: CommandsWorldOptions = {}): Promise<CommandsWorld> {
    const simulator = await startQuietSimulator();
    const world = await OperationsWorld.open();
    const { faults, feed } = world.site;
    const folder = `${world.folder}/commands`;
    await Deno.mkdir(folder);
    const commands = openCommands({
      config: { max_pending_per_device: 100, max_per_minute: 10_000, retention_days: 365, ...limits },
      dataDir: folder,
      definitions: definitionsOf(),
      faults,
      feed,
      nowUs,
      timing: { settleMs: 400, watchMs: 200, lostMs: 1000, againMs: 50, ...timing },
    });
    const operations = createOperations({ ...world.parts, commands });
    for (const role of ["viewer", "operator"] as const) {
      await world.access.addUser({ name: role, password: PASSWORD, role });
    }
    const server = await startTestServer({
      access: world.access,
      devices: topologyOf(configOf(valveCommands, meterCommands)).devices,
      operations,
      commands,
    });
    const client = await startOpcUaClient();
    const opened = new CommandsWorld({ simulator, commands, world, server, client }, chirpstack);
    if (chirpstack.mode !== "poll") await opened.streaming();
    return opened;
  }

  #startSource(): ChirpStackSource {
    const { tags, faults, feed, devices } = this.server;
    const source = startChirpStack({
      config: {
        ...chirpstackSchema.parse({ server_address: this.simulator.url, api_token: API_TOKEN }),
        ...quickConfig,
        ...this.#chirpstack,
      },
      devices,
      tags,
      faults,
      feed,
      nowUs,
      timing: quickTiming,
      onDownlink: (event) => this.commands.downlinkEvent(event),
    });
    this.commands.connect(source.downlinks);
    return source;
  }

  /** Resolves when what happens to downlinks is heard of. */
  async streaming(): Promise<void> {
    await waitFor("the streams", () => this.source.status().devicesStreaming === this.server.devices.length);
  }

  /** Logs in as the user of that role. */
  login(role: "viewer" | "operator" = "operator"): Promise<number> {
    return this.client.connect(this.server.url, { user: role, password: PASSWORD });
  }

  /** The device sends, and a class A one fetches what waits for it. */
  uplink(devEui = valve): void {
    this.simulator.sendUplink(devEui, {});
  }

  /** Waits until the newest command of a definition is in that state. */
  async reaches(command: string, state: CommandState, devEui = valve): Promise<void> {
    try {
      await waitFor(`${command} to be ${state}`, () => this.commands.newest(devEui, command)?.state === state);
    } catch (error) {
      const { state: is, detail } = this.commands.newest(devEui, command) ?? {};
      throw new Error(`${command} is ${is}: ${detail}`, { cause: error });
    }
  }

  /** Lets a confirmed command that waits go out and be acknowledged. */
  async deliver(id: string, devEui = valve): Promise<void> {
    const is = (state: CommandState) =>
      waitFor(`command ${id} to be ${state}`, () => this.commands.get(id)?.state === state);
    await is("queued");
    this.uplink(devEui);
    await is("transmitted");
    this.uplink(devEui);
    await is("acked");
  }

  /** The payloads that the device received, in hexadecimal. */
  received(devEui = valve): string[] {
    return this.simulator.downlinks(devEui).map(({ data }) => data.toHex());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    this.commands.connect(null);
    await this.source.stop();
    await this.commands.stop();
    await this.world[Symbol.asyncDispose]();
    await this.simulator.stop();
  }
}

function nowUs(): number {
  return Date.now() * 1000;
}
