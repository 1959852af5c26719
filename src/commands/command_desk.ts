import { getLogger } from "@logtape/logtape";
import type { Caller } from "../access/principal.ts";
import type { CommandDefinition } from "../config/command_definition.ts";
import type { CommandsConfig } from "../config/schema.ts";
import { SetAsideError } from "../history/database_file.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import { checkArguments } from "./check_arguments.ts";
import { isEnded } from "./command_state.ts";
import type { CommandStore, StoredCommand } from "./command_store.ts";
import { DefinitionBook } from "./definition_book.ts";
import type {
  CancelAnswer,
  Command,
  CommandQuery,
  CommandRefusal,
  Commands,
  CommandStep,
  DownlinkEvent,
  Downlinks,
  SendAnswer,
  SendRequest,
} from "./commands.ts";
import { DeviceLane } from "./device_lane.ts";
import type { LaneTiming } from "./lane_parts.ts";
import { sameArguments } from "./same_arguments.ts";
import { tellEnd } from "./tell_end.ts";

const log = getLogger(["edgekeep", "commands"]);

const MINUTE_MS = 60_000;
const DAY_US = 86_400_000_000;
/** A store that could not be opened is not opened again before, µs. */
const OPEN_AGAIN_US = 10_000_000;
/** Commands deleted in one step: a few milliseconds of work. */
const PRUNED_AT_ONCE = 200;
/** After a full step the next comes so soon, ms. */
const NEXT_PRUNE_MS = 1_000;

/** What the desk works with. */
export interface DeskParts {
  readonly config: CommandsConfig;
  readonly definitions: readonly CommandDefinition[];
  /** Opens the store; called again while it cannot be opened. */
  readonly openStore: () => CommandStore;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly nowUs: () => number;
  /** Time that has passed since some moment, µs, whatever is done to the clock. */
  readonly elapsedUs: () => number;
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly timing: LaneTiming;
  readonly newId: () => string;
}

/** {@link Commands} over one store: takes commands, answers questions about them, and gives each device its lane. */
export class CommandDesk implements Commands {
  readonly #parts: DeskParts;
  readonly #book: DefinitionBook;
  readonly #lanes = new Map<string, DeviceLane>();
  readonly #listeners = new Set<(command: Command) => void>();
  readonly #stop = new AbortController();
  readonly #upkeep: Promise<void>;
  /** Devices with the fault `command_unknown`, and how many of their commands ended so within a day. */
  #unknown: ReadonlyMap<string, number> = new Map();
  #store: CommandStore | null = null;
  #whyNot = "";
  readonly #startUs: number;
  /** The item that was warned of last. */
  #warned = "";
  #openAgainUs = 0;
  #way: { readonly downlinks: Downlinks; readonly sinceUs: number } | null = null;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.#startUs = parts.nowUs();
    this.#book = new DefinitionBook(parts.definitions);
    this.#open();
    this.#upkeep = this.#keepUp();
  }

  definitions(): readonly CommandDefinition[] {
    return this.#book.list();
  }

  definition(devEui: string, command: string): CommandDefinition | undefined {
    return this.#book.find(devEui, command);
  }

  send(request: SendRequest): Promise<SendAnswer> {
    return Promise.resolve(this.#send(request));
  }

  async cancel(id: string, by: Caller): Promise<CancelAnswer> {
    const command = this.get(id);
    if (command === undefined) {
      return { ok: false, reason: "unknown_id", message: `There is no command '${id.slice(0, 64)}'` };
    }
    const lane = this.#lanes.get(command.devEui);
    if (isEnded(command) || lane === undefined) {
      return { ok: false, reason: "too_late", message: `It has ended: ${command.state}` };
    }
    const answer = await lane.cancel(id);
    if (answer.ok) {
      const name = by.principal?.name ?? "nobody";
      log.info("{name} cancelled the command {id}", { event: "command_cancelled", name, id, device: command.devEui });
    }
    return answer;
  }

  get(id: string): Command | undefined {
    return this.#read((store) => store.get(id), undefined);
  }

  steps(id: string): readonly CommandStep[] {
    return this.#read((store) => store.steps(id), []);
  }

  list(query: CommandQuery): readonly Command[] {
    return this.#read((store) => store.list(query), []);
  }

  newest(devEui: string, command: string): Command | undefined {
    return this.#read((store) => store.newest(devEui, command), undefined);
  }

  lastDone(devEui: string, command: string): Command | undefined {
    return this.#read((store) => store.lastDone(devEui, command), undefined);
  }

  counts(): { readonly open: number; readonly unknown: number } {
    let open = 0;
    for (const lane of this.#lanes.values()) open += lane.size;
    let unknown = 0;
    for (const count of this.#unknown.values()) unknown += count;
    return { open, unknown };
  }

  subscribe(listener: (command: Command) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  define(definitions: readonly CommandDefinition[]): void {
    this.#book.define(definitions);
  }

  onDefinitions(listener: () => void): () => void {
    return this.#book.onChange(listener);
  }

  downlinkEvent(event: DownlinkEvent): void {
    if (this.#stop.signal.aborted) return;
    this.#lanes.get(event.devEui)?.hear(event);
    if (event.kind === "txack" || event.kind === "ack") this.#warnIfSent(event);
  }

  connect(downlinks: Downlinks | null): void {
    this.#way = downlinks === null ? null : { downlinks, sinceUs: this.#parts.elapsedUs() };
    for (const lane of this.#lanes.values()) lane.connected();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#upkeep, ...[...this.#lanes.values()].map((lane) => lane.stop())]);
    this.#store?.close();
    this.#store = null;
  }

  #send({ devEui, command: name, arguments: given, idempotencyKey, by }: SendRequest): SendAnswer {
    if (this.#stop.signal.aborted) return refuse("unavailable", "The gateway is stopping");
    const definition = this.#book.find(devEui, name);
    try {
      const store = this.#opened();
      const nowUs = this.#parts.nowUs();
      const sender = senderOf(by);
      if (idempotencyKey !== undefined) {
        const earlier = store.byKey(devEui, idempotencyKey, sender, nowUs - DAY_US);
        if (earlier !== undefined) return repeatedAnswer(earlier, definition?.name ?? name, given);
      }
      if (definition === undefined) return this.#notDefined(devEui, name);
      if (!definition.enabled) return refuse("disabled", `The command '${definition.name}' is disabled`);
      const checked = checkArguments(definition, given);
      if (!checked.ok) return checked;
      const full = this.#limit(store, devEui, sender, nowUs);
      if (full !== null) return refuse("too_many", full);
      const stored = store.insert({
        command: {
          id: this.#parts.newId(),
          devEui,
          command: definition.name,
          arguments: given,
          state: "pending",
          detail: null,
          confirmed: definition.confirmed,
          fPort: definition.fPort,
          payloadHex: "data" in checked.payload ? checked.payload.data.toHex() : null,
          by: { name: by.principal?.name ?? "nobody", address: by.address, transport: by.transport },
          idempotencyKey: idempotencyKey ?? null,
          queueItemId: null,
          createdUs: nowUs,
          updatedUs: nowUs,
          deadlineUs: nowUs + definition.deadlineMs * 1000,
        },
        payload: checked.payload,
        sender,
      });
      this.#written();
      this.#tell(stored.command);
      this.#lane(devEui).add(stored);
      return { ok: true, command: stored.command, repeated: false };
    } catch (error) {
      this.#refused(error);
      return refuse("unavailable", `Cannot store the command, so that it is not sent: ${textOf(error)}`);
    }
  }

  /** An item can leave ChirpStack's queue just before it is taken back: the end stays, and people hear what came of it. */
  #warnIfSent({ queueItemId, timeUs, devEui }: DownlinkEvent): void {
    const command = this.#read((store) => store.byItem(queueItemId), undefined);
    if (command === undefined || (command.state !== "cancelled" && command.state !== "expired")) return;
    // what is told again was warned of before
    if (timeUs < this.#startUs || this.#warned === queueItemId) return;
    this.#warned = queueItemId;
    const text = `The command '${command.command}' is ${command.state}, but was sent all the same, just before`;
    this.#parts.feed.add("warning", "command_sent_after_end", devEui, text);
    log.warning(text, { event: "command_sent_after_end", id: command.id, device: devEui });
  }

  #notDefined(devEui: string, name: string): SendAnswer {
    const names = this.#book.list().filter((one) => one.devEui === devEui).map((one) => one.name);
    return names.length === 0
      ? refuse("unknown_device", `There is no device '${devEui.slice(0, 64)}' with commands`)
      : refuse(
        "unknown_command",
        `The device has no command '${name.slice(0, 64)}', but ${names.slice(0, 16).join(", ")}`,
      );
  }

  /** Why no further command is taken now; `null`: one is. */
  #limit(store: CommandStore, devEui: string, sender: string, nowUs: number): string | null {
    const { max_pending_per_device, max_per_minute } = this.#parts.config;
    const waiting = this.#lanes.get(devEui)?.size ?? 0;
    if (waiting >= max_pending_per_device) {
      return `${waiting} commands of the device have not ended: [commands].max_pending_per_device`;
    }
    const sent = store.sentBetween(sender, nowUs - MINUTE_MS * 1000, nowUs);
    return sent >= max_per_minute ? `${sent} commands within a minute: [commands].max_per_minute` : null;
  }

  #lane(devEui: string): DeviceLane {
    let lane = this.#lanes.get(devEui);
    if (lane === undefined) {
      const { faults, nowUs, elapsedUs, pause, timing } = this.#parts;
      lane = new DeviceLane(devEui, {
        timing,
        nowUs,
        elapsedUs,
        pause,
        way: () => this.#way,
        intend: ({ command }, intention) => this.#write((store) => store.intend(command, intention)),
        save: (command) => {
          if (!this.#write((store) => store.save(command))) return false;
          this.#tell(command);
          return true;
        },
        isOurs: (queueItemId) => this.#opened().byItem(queueItemId) !== undefined,
        troubled: (device, why) => {
          if (why === null) faults.clear("commands_unreachable", device);
          else faults.raise("commands_unreachable", why, device);
        },
        failed: (device, error) =>
          log.error("The commands of {device} cannot be followed: {error}", {
            event: "command_lane_failed",
            device,
            error,
          }),
      });
      this.#lanes.set(devEui, lane);
    }
    return lane;
  }

  /** Tells of a change that was stored. */
  #tell(command: Command): void {
    const { id, devEui, command: name, state, detail } = command;
    log.info("The command {name} of {device} is {state}", {
      event: "command_state",
      id,
      device: devEui,
      name,
      state,
      ...detail === null ? {} : { detail },
    });
    if (isEnded(command)) {
      tellEnd(command, this.#parts.feed);
      this.#countUnknown();
    }
    for (const listener of this.#listeners) listener(command);
  }

  /** Raises and clears the fault of each device that has commands nobody knows the end of. */
  #countUnknown(): void {
    const { faults, nowUs } = this.#parts;
    const unknown = this.#read((store) => store.unknownSince(nowUs() - DAY_US), this.#unknown);
    for (const [devEui, count] of unknown) {
      const which = count === 1 ? "A command" : `${count} commands`;
      faults.raise(
        "command_unknown",
        `${which} ended within a day without anybody knowing whether it was sent`,
        devEui,
      );
    }
    for (const devEui of this.#unknown.keys()) if (!unknown.has(devEui)) faults.clear("command_unknown", devEui);
    this.#unknown = unknown;
  }

  /** The store, opened if it can be. Throws when it cannot. */
  #opened(): CommandStore {
    if (this.#store === null && this.#parts.nowUs() >= this.#openAgainUs) this.#open();
    if (this.#store === null) throw new Error(this.#whyNot);
    return this.#store;
  }

  /** Opens the store and takes up what has not ended; a damaged one was set aside, and a new one takes its place. */
  #open(): void {
    const { faults, feed, nowUs } = this.#parts;
    // who sends on and on must not keep the disk busy
    this.#openAgainUs = nowUs() + OPEN_AGAIN_US;
    try {
      this.#takeUp(this.#parts.openStore());
    } catch (error) {
      if (!(error instanceof SetAsideError)) return this.#refused(error);
      const text = `The command store was damaged and is now ${error.aside}: its commands are not known any more`;
      log.error(text, { event: "command_store_damaged", error: error.message });
      feed.add("error", "command_store_damaged", "gateway", text);
      faults.raise("command_store_damaged", text);
      try {
        this.#takeUp(this.#parts.openStore());
      } catch (second) {
        this.#refused(second);
      }
    }
  }

  #takeUp(store: CommandStore): void {
    let open: StoredCommand[];
    try {
      open = store.open();
    } catch (error) {
      store.close();
      throw error;
    }
    this.#store = store;
    this.#written();
    for (const stored of open) this.#lane(stored.command.devEui).add(stored);
    this.#countUnknown();
  }

  #write(change: (store: CommandStore) => void): boolean {
    if (this.#stop.signal.aborted) return false;
    try {
      change(this.#opened());
    } catch (error) {
      this.#refused(error);
      return false;
    }
    this.#written();
    return true;
  }

  #read<T>(ask: (store: CommandStore) => T, otherwise: T): T {
    if (this.#store === null) return otherwise;
    try {
      return ask(this.#store);
    } catch (error) {
      this.#refused(error);
      return otherwise;
    }
  }

  #written(): void {
    this.#parts.faults.clear("command_store_failed");
  }

  #refused(error: unknown): void {
    this.#whyNot = textOf(error);
    this.#parts.faults.raise("command_store_failed", this.#whyNot);
  }

  /** Until the stop: opens a store that could not be opened, deletes what is too old, lets faults of yesterday go. */
  async #keepUp(): Promise<void> {
    const { config, nowUs, elapsedUs, pause } = this.#parts;
    const startUs = nowUs() - elapsedUs();
    const { signal } = this.#stop;
    let ms = MINUTE_MS;
    while (!signal.aborted) {
      await pause(ms, signal);
      if (signal.aborted) return;
      ms = MINUTE_MS;
      if (this.#store === null) this.#open();
      const store = this.#store;
      if (store === null) continue;
      this.#countUnknown();
      let pruned = 0;
      const prune = () => {
        // a clock that is set forward deletes nothing before commands come of that time
        const believedUs = Math.min(nowUs(), Math.max(startUs + elapsedUs(), store.newestUs() ?? 0));
        pruned = store.prune(believedUs - config.retention_days * DAY_US, PRUNED_AT_ONCE);
      };
      if (this.#write(prune) && pruned === PRUNED_AT_ONCE) {
        ms = NEXT_PRUNE_MS;
      }
    }
  }
}

function repeatedAnswer(earlier: Command, name: string, given: SendRequest["arguments"]): SendAnswer {
  if (earlier.command === name && sameArguments(earlier.arguments, given)) {
    return { ok: true, command: earlier, repeated: true };
  }
  return refuse(
    "key_reused",
    `The key was used within a day for '${earlier.command}' with other arguments or another command`,
  );
}

/** Whom limits count and whose a key is: a user over all sessions and addresses, or another credential. */
function senderOf({ principal, address }: Caller): string {
  if (principal === null) return `nobody@${address}`;
  return principal.user === null ? principal.credential : `user:${principal.user.toLowerCase()}`;
}

function refuse(reason: CommandRefusal, message: string): SendAnswer {
  return { ok: false, reason, message };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
