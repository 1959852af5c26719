import type { StoredCommand } from "./command_store.ts";
import type { Command, Downlinks } from "./commands.ts";

/** Waits of a lane. */
export interface LaneTiming {
  /**
   * How long what was told of a downlink may still be under way, ms: calls that timed out, and replays after a start, when
   * a stream of events may be in its longest backoff.
   */
  readonly settleMs: number;
  /** How often the network server's queue is looked at while one of ours is in it, ms. */
  readonly watchMs: number;
  /** How long after its deadline a command waits for a network server that cannot be asked, ms. */
  readonly lostMs: number;
  /** After how long something is tried or looked at again that is due, ms. */
  readonly againMs: number;
}

/** Waits as they are in service. */
export const laneTiming: LaneTiming = { settleMs: 40_000, watchMs: 60_000, lostMs: 60_000, againMs: 5_000 };

/** What a lane needs of its owner. */
export interface LaneParts {
  readonly timing: LaneTiming;
  readonly nowUs: () => number;
  /** Time that has passed since some moment, µs: it goes on evenly whatever is done to the clock. */
  readonly elapsedUs: () => number;
  /** Waits so long or until the signal aborts; never rejects. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** The way to the devices, and since when there is one, µs of {@link elapsedUs}. */
  readonly way: () => { readonly downlinks: Downlinks; readonly sinceUs: number } | null;
  /** Writes that a command is about to be handed over, or was not; `false` when the disk refuses. */
  readonly intend: (stored: StoredCommand, intention: StoredCommand["intention"]) => boolean;
  /** Writes a command's new state and tells of it; `false` when the disk refuses. */
  readonly save: (command: Command) => boolean;
  /** Whether an id belongs to a command of ours. */
  readonly isOurs: (queueItemId: string) => boolean;
  /** Tells that commands cannot be handed over, or with `null` that they can. */
  readonly troubled: (devEui: string, why: string | null) => void;
  /** Tells of an error that should not be: the lane goes on. */
  readonly failed: (devEui: string, error: unknown) => void;
}
