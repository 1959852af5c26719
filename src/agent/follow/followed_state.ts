import { applyEvent } from "../../mesh/apply_event.ts";
import { meshTime } from "../../mesh/encoding.ts";
import { readEvent } from "../../mesh/events.ts";
import type { MeshEvent } from "../../mesh/events.ts";
import { type NodeState, stateSha256 } from "../../mesh/state.ts";
import { AgentFileError } from "../files/agent_file_error.ts";
import type { AgentFolder } from "../files/agent_folder.ts";
import type { Position, PositionFile } from "../files/position.ts";

/** Events beside the stored state before the whole state is stored anew. */
const MOST_EVENTS = 64;
/** Characters of their payloads. */
const MOST_CHARACTERS = 262_144;
/** How often the time floor is written down while nothing else is, µs. */
const FLOOR_EVERY_US = 3_600_000_000;

type StoredEvent = PositionFile["events"][number];

/**
 * How far this node has followed its hub, and the state that came of it. Whatever changes is on disk when a method
 * resolves; when one rejects (disk full), nothing has changed, in memory either.
 */
export class FollowedState {
  readonly #folder: AgentFolder;
  readonly #nowUs: () => number;
  #file: PositionFile;
  #state: NodeState | null;
  #sha256: string | null = null;
  #floorWrittenUs = 0;
  #contactUs: number;

  private constructor(folder: AgentFolder, nowUs: () => number, file: PositionFile, state: NodeState | null) {
    this.#folder = folder;
    this.#nowUs = nowUs;
    this.#file = file;
    this.#state = state;
    this.#contactUs = file.contact_us;
  }

  /**
   * What the folder holds. A damaged `state.json` is told to `damaged` and done without: the hub sends the state again.
   *
   * @throws {AgentFileError} when there is no position, or a damaged one
   */
  static async load(
    folder: AgentFolder,
    nowUs: () => number,
    damaged: (error: AgentFileError) => void,
  ): Promise<FollowedState> {
    const file = await folder.position.read();
    if (file === null) {
      throw new AgentFileError(
        "corrupt",
        folder.position.path,
        `${folder.position.path} is missing: without it old messages of the hub would count again. Restore it from a ` +
          "backup, or have this node removed from its mesh and join anew: edgekeep agent join --force",
      );
    }
    const stored = await folder.state.read().catch((error: unknown) => {
      if (!(error instanceof AgentFileError)) throw error;
      damaged(error);
      return null;
    });
    if (stored === null) return new FollowedState(folder, nowUs, { ...file, events: [] }, null);
    // a state is stored before the position that goes with it
    const ahead = isAhead(stored.position, file.position);
    const events = ahead
      ? []
      : file.events.filter(({ sequence }) =>
        stored.position.epoch === file.position.epoch && sequence > stored.position.sequence
      );
    let state = stored.state;
    for (const { event_type, payload } of events) {
      state = applyEvent(state, readEvent(event_type, payload));
    }
    return new FollowedState(
      folder,
      nowUs,
      { ...file, position: ahead ? stored.position : file.position, events },
      state,
    );
  }

  get position(): Position {
    return this.#file.position;
  }

  /** The state after every event; `null` before the first one came. */
  get state(): NodeState | null {
    return this.#state;
  }

  /** Hash of the state as this node has it; `null` without one. */
  get sha256(): string | null {
    if (this.#sha256 === null && this.#state !== null) this.#sha256 = stateSha256(this.#state);
    return this.#sha256;
  }

  /** The highest time that this machine's clock has shown, µs UTC. */
  get timeFloorUs(): number {
    return this.#file.time_floor_us;
  }

  /** When the hub last signed something that this node took, by hub time, µs UTC; 0: never. */
  get contactUs(): number {
    return this.#contactUs;
  }

  /** Notes that the hub signed something at this time, µs UTC; stored with what is written next. */
  heard(issuedAtUs: number): void {
    this.#contactUs = Math.max(this.#contactUs, issuedAtUs);
  }

  /** Takes the hash that a tick tells, and writes down the time floor now and then. */
  async inStep(position: Position): Promise<void> {
    const { state_sha256, key_index } = this.#file.position;
    const old = this.#nowUs() - this.#floorWrittenUs >= FLOOR_EVERY_US;
    if (!old && position.state_sha256 === state_sha256 && position.key_index === key_index) return;
    await this.#write({ ...this.#file, position });
  }

  /** Writes the position down, with the event where it changes the state, and then lets the state follow. */
  async advance(position: Position, event: MeshEvent): Promise<void> {
    await this.#compact();
    const before = this.#state;
    const state = before === null || event.type === "unknown" ? before : applyEvent(before, event);
    if (state === null || state === before || event.type === "unknown") {
      await this.#write({ ...this.#file, position });
      return;
    }
    const stored: StoredEvent = {
      sequence: position.sequence,
      event_type: event.type,
      payload: event.payload as StoredEvent["payload"],
    };
    await this.#write({ ...this.#file, position, events: [...this.#file.events, stored] });
    this.#set(state);
  }

  /** Stores a whole state and its position. */
  async take(position: Position, state: NodeState, issuedAt: string): Promise<void> {
    await this.#folder.state.write({ position, issued_at: issuedAt, state });
    await this.#write({ ...this.#file, position, events: [] });
    this.#set(state);
  }

  /** Writes the time floor down: when the agent ends. */
  async close(): Promise<void> {
    await this.#write(this.#file);
  }

  #set(state: NodeState): void {
    this.#state = state;
    this.#sha256 = null;
  }

  async #write(file: PositionFile): Promise<void> {
    const nowUs = this.#nowUs();
    const next: PositionFile = {
      ...file,
      time_floor_us: Math.max(file.time_floor_us, nowUs),
      contact_us: this.#contactUs,
    };
    await this.#folder.position.write(next);
    this.#file = next;
    this.#floorWrittenUs = nowUs;
  }

  /** Before the next event: once that one is written down, nothing may fail any more. */
  async #compact(): Promise<void> {
    const { events, position, contact_us } = this.#file;
    const characters = events.reduce((sum, { payload }) => sum + JSON.stringify(payload).length, 0);
    if (this.#state === null || (events.length <= MOST_EVENTS && characters <= MOST_CHARACTERS)) return;
    try {
      await this.#folder.state.write({ position, issued_at: meshTime(contact_us), state: this.#state });
      await this.#write({ ...this.#file, events: [] });
    } catch (error) {
      // nothing is lost: the events are still beside the state, up to what the file may hold
      if (events.length >= 4 * MOST_EVENTS) throw error;
    }
  }
}

/** The first position of a node that has just joined. */
export function firstPosition(
  envelope: { readonly epoch: number; readonly sequence: number; readonly key_index: number },
  nowUs: number,
  issuedAtUs: number,
): PositionFile {
  const { epoch, sequence, key_index } = envelope;
  return {
    position: { epoch, sequence, state_sha256: null, key_index },
    time_floor_us: nowUs,
    contact_us: issuedAtUs,
    events: [],
  };
}

function isAhead(a: Position, b: Position): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.sequence > b.sequence);
}
