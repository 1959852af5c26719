import assert from "node:assert/strict";
import { join } from "node:path";
import type { Caller } from "../../src/access/principal.ts";
import { CommandDesk } from "../../src/commands/command_desk.ts";
import { CommandStore } from "../../src/commands/command_store.ts";
import type { ArgumentValue, Command, SendAnswer, SendRequest } from "../../src/commands/commands.ts";
import { laneTiming } from "../../src/commands/lane_parts.ts";
import type { CommandDefinition } from "../../src/config/command_definition.ts";
import { configSchema } from "../../src/config/schema.ts";
import { EventFeed } from "../../src/telemetry/event_feed.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { SimulatedDownlinks } from "./simulated_downlinks.ts";
import { VirtualClock } from "./virtual_clock.ts";

export const DEVICE = "a840410000000001";
export const OTHER = "a840410000000002";

/** A definition with one argument `n`, an unsigned number of four bytes. */
export function commandDefinition(given: Partial<CommandDefinition> = {}): CommandDefinition {
  return {
    devEui: DEVICE,
    deviceName: "Valve",
    id: 1,
    name: "Set",
    fPort: 10,
    confirmed: false,
    payload: { kind: "bytes", template: "{n:u32be}" },
    arguments: [{ name: "n", type: "Int", min: null, max: null, values: null, unit: "" }],
    deadlineMs: 600_000,
    enabled: true,
    ...given,
  };
}

/** What a test does between writes of the store: throws to kill the program there. */
export type WriteHook = (what: "insert" | "intend" | "save" | "prune", when: "before" | "after") => void;

export interface CommandWorldOptions {
  readonly definitions?: readonly CommandDefinition[];
  /** `[commands]`. */
  readonly config?: Record<string, unknown>;
}

/** Commands over a real store in a temporary folder, a simulated network server, and a clock that the test moves. */
export class CommandWorld implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly field = new SimulatedDownlinks(this.clock.nowUs);
  readonly folder = Deno.makeTempDirSync({ prefix: "edgekeep-commands-" });
  readonly changes: Command[] = [];
  faults = new FaultBoard(this.clock.nowUs);
  feed = new EventFeed(this.clock.nowUs);
  onWrite: WriteHook = () => {};
  definitions: readonly CommandDefinition[];
  commands: CommandDesk;
  readonly #options: CommandWorldOptions;
  #life = new AbortController();
  #ids = 0;

  constructor(options: CommandWorldOptions = {}) {
    this.#options = options;
    this.definitions = options.definitions ?? [
      commandDefinition(),
      commandDefinition({ id: 2, name: "Confirmed", confirmed: true }),
      commandDefinition({ devEui: OTHER, deviceName: "Pump" }),
    ];
    this.commands = this.#open();
  }

  get path(): string {
    return join(this.folder, "commands.db");
  }

  /** Connects the network server, and tells again what it retains. */
  connect(replay = true): void {
    this.commands.connect(this.field.way(this.#life.signal));
    const { commands } = this;
    this.field.listen((event) => commands.downlinkEvent(event), replay);
  }

  /** Whether the program was killed and not started again. */
  get isDead(): boolean {
    return this.#life.signal.aborted;
  }

  /** Kills the program where it stands: it writes nothing more, and none of its calls arrive. */
  die(): void {
    this.#life.abort();
  }

  /** Ends the program without a last word, and starts it again. */
  async kill(): Promise<void> {
    this.#life.abort();
    this.field.listen(() => {}, false);
    const dead = this.commands;
    dead.connect(null);
    await dead.stop();
    this.restart();
  }

  /** Ends the program as it should, and starts it again. */
  async stopAndStart(): Promise<void> {
    await this.commands.stop();
    this.#life.abort();
    this.restart();
  }

  restart(): void {
    this.#life = new AbortController();
    this.onWrite = () => {};
    this.faults = new FaultBoard(this.clock.nowUs);
    this.feed = new EventFeed(this.clock.nowUs);
    this.commands = this.#open();
  }

  send(n: ArgumentValue, more: Partial<SendRequest> = {}): Promise<SendAnswer> {
    return this.commands.send({ devEui: DEVICE, command: "Set", arguments: { n }, by: caller(), ...more });
  }

  /** Sends, and gives the command that has to come of it. */
  async sent(n: number, more: Partial<SendRequest> = {}): Promise<Command> {
    const answer = await this.send(n, more);
    assert.ok(answer.ok, JSON.stringify(answer));
    return answer.command;
  }

  state(id: string): string | undefined {
    return this.commands.get(id)?.state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.abort();
    await this.commands.stop();
    Deno.removeSync(this.folder, { recursive: true });
  }

  #open(): CommandDesk {
    const { faults, feed, clock, definitions } = this;
    const desk = new CommandDesk({
      config: configSchema.parse({ commands: this.#options.config ?? {} }).commands,
      definitions,
      openStore: () => this.#hooked(CommandStore.open(this.path, clock.nowUs)),
      faults,
      feed,
      nowUs: clock.nowUs,
      elapsedUs: clock.elapsedUs,
      pause: clock.pause,
      timing: laneTiming,
      newId: () => `00000000-0000-4000-8000-${String(this.#ids++).padStart(12, "0")}`,
    });
    desk.subscribe((command) => this.changes.push(command));
    return desk;
  }

  #hooked(store: CommandStore): CommandStore {
    const { signal } = this.#life;
    return new Proxy(store, {
      get: (target, key) => {
        const found = Reflect.get(target, key, target) as unknown;
        if (typeof found !== "function") return found;
        const method = found.bind(target) as (...args: unknown[]) => unknown;
        if (key === "close") return method;
        return (...args: unknown[]) => {
          if (signal.aborted) throw new Error("The program was killed");
          const isWrite = key === "insert" || key === "intend" || key === "save" || key === "prune";
          if (!isWrite) return method(...args);
          this.onWrite(key, "before");
          const result = method(...args);
          this.onWrite(key, "after");
          return result;
        };
      },
    });
  }
}

/** Somebody who sends commands. */
export function caller(name = "operator"): Caller {
  return {
    principal: { kind: "password", name, role: "operator", credential: `user:${name}`, user: name, expiresUs: null },
    transport: "https",
    address: "192.0.2.7",
  };
}
