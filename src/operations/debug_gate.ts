import { getLogger } from "@logtape/logtape";
import type { ControlConfig } from "../config/schema.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import { formatTime } from "../telemetry/time_text.ts";

const log = getLogger(["edgekeep", "operations"]);

/** Longest time for which debug operations can be unlocked, minutes. */
export const MOST_UNLOCKED_MINUTES = 60;

/**
 * Whether debug operations are open: always while `mode = "debug"` and `debug_enabled` say so, else for as long as an
 * admin unlocked them. While they are unlocked the fault `debug_unlocked` says so on every surface.
 */
export class DebugGate {
  readonly #config: () => ControlConfig;
  readonly #nowUs: () => number;
  readonly #feed: EventFeed;
  readonly #faults: FaultBoard;
  readonly #monotonicMs: () => number;
  /** End by a clock that nobody sets: the other one may be set back while they are unlocked. */
  #untilMonotonicMs = 0;
  #untilUs: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    config: () => ControlConfig,
    nowUs: () => number,
    feed: EventFeed,
    faults: FaultBoard,
    monotonicMs: () => number = () => performance.now(),
  ) {
    this.#monotonicMs = monotonicMs;
    this.#config = config;
    this.#nowUs = nowUs;
    this.#feed = feed;
    this.#faults = faults;
  }

  /** Whether debug operations may be called now. */
  isOpen(): boolean {
    return this.byConfig || this.openUntilUs !== null;
  }

  /** Whether the configuration opens them. */
  get byConfig(): boolean {
    const { mode, debug_enabled } = this.#config();
    return mode === "debug" && debug_enabled;
  }

  /** End of the time for which they are unlocked, µs; `null` while nobody unlocked them. */
  get openUntilUs(): number | null {
    const over = this.#untilUs !== null &&
      (this.#nowUs() >= this.#untilUs || this.#monotonicMs() >= this.#untilMonotonicMs);
    if (over) this.#end("the time is over");
    return this.#untilUs;
  }

  /**
   * Opens them for 1 to 60 minutes from now; a new call sets a new end. Throws RangeError on other durations.
   *
   * @param by who, for feed and fault
   * @returns the end, µs
   */
  unlock(minutes: number, by: string): number {
    if (!(minutes >= 1 && minutes <= MOST_UNLOCKED_MINUTES)) {
      throw new RangeError(
        `Cannot unlock debug operations as minutes must be between 1 and ${MOST_UNLOCKED_MINUTES}: ` +
          `current value is ${minutes}`,
      );
    }
    const untilUs = this.#nowUs() + minutes * 60_000_000;
    this.#untilUs = untilUs;
    this.#untilMonotonicMs = this.#monotonicMs() + minutes * 60_000;
    const text = `${by} unlocked debug operations until ${formatTime(untilUs)}`;
    this.#faults.raise("debug_unlocked", text);
    this.#feed.add("warning", "debug_unlocked", "gateway", text);
    log.warning("Debug operations are unlocked by {by} until {until}", {
      event: "debug_unlocked",
      by,
      until: formatTime(untilUs),
    });
    this.#watch(untilUs);
    return untilUs;
  }

  /** Closes them before the time is over. What the configuration opens stays open. */
  lock(by: string): void {
    if (this.#untilUs !== null) this.#end(`${by} locked them`);
  }

  /** Ends the timer; nobody is told. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#untilUs = null;
  }

  /** Looks again when the time should be over, so that the fault goes even when nobody asks. */
  #watch(untilUs: number): void {
    clearTimeout(this.#timer);
    const leftMs = Math.max(
      0,
      Math.min((untilUs - this.#nowUs()) / 1000, this.#untilMonotonicMs - this.#monotonicMs()),
    );
    this.#timer = setTimeout(() => {
      const stillUs = this.openUntilUs;
      if (stillUs !== null) this.#watch(stillUs);
    }, Math.min(leftMs + 10, 60_000));
  }

  #end(why: string): void {
    clearTimeout(this.#timer);
    this.#untilUs = null;
    this.#faults.clear("debug_unlocked");
    this.#feed.add("info", "debug_locked", "gateway", `Debug operations are closed again: ${why}`);
    log.info("Debug operations are closed again: {why}", { event: "debug_locked", why });
  }
}
