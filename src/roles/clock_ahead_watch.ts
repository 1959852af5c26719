import type { FaultBoard } from "../telemetry/fault_board.ts";

/** A device that sent no time stamp of the future for so long is well again. */
const CLEAR_AFTER_US = 3_600_000_000;

/** Keeps the fault `device_clock_ahead` of each device: raised by a report, cleared after an hour without one. */
export class ClockAheadWatch {
  readonly #faults: FaultBoard;
  readonly #lastUs = new Map<string, number>();

  constructor(faults: FaultBoard) {
    this.#faults = faults;
  }

  /** A sample of `group` was stamped more than five minutes ahead of `nowUs`. */
  report(group: string, nowUs: number): void {
    this.#lastUs.set(group, nowUs);
    this.#faults.raise("device_clock_ahead", "The arrival time was used instead of the time in the event", group);
  }

  /** Clears the faults of devices that are well again; to be called now and then. */
  sweep(nowUs: number): void {
    for (const [group, lastUs] of this.#lastUs) {
      if (nowUs - lastUs < CLEAR_AFTER_US) continue;
      this.#lastUs.delete(group);
      this.#faults.clear("device_clock_ahead", group);
    }
  }
}
