import type { Random } from "./seeded_random.ts";

/** Something that sends now and then. */
export interface Sender {
  /** Sends at that time, µs. */
  send(timeUs: number): void;
}

interface Due {
  atUs: number;
  readonly sender: Sender;
}

/** How a {@link Traffic} runs. */
export interface TrafficOptions {
  /** Typical time between two frames of one sender, ms, above 0. */
  readonly intervalMs: number;
  readonly nowUs: () => number;
  readonly random: Random;
}

/** After a pause the frames of so many intervals are made up; a machine that slept for a day begins anew. */
const maxBehind = 20;

/** No timer waits longer, so that a clock that jumps is noticed. */
const maxWaitMs = 1000;

/**
 * Lets every sender send about once an interval: at times of their own, with ±10 % jitter, so that a fleet never sends
 * in step. One timer serves them all, by a heap of what is due next.
 */
export class Traffic {
  readonly #options: TrafficOptions;
  readonly #heap: Due[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(senders: Iterable<Sender>, options: TrafficOptions) {
    this.#options = options;
    const nowUs = options.nowUs();
    for (const sender of senders) this.#push({ atUs: nowUs + options.random() * options.intervalMs * 1000, sender });
  }

  /** Begins to run by a timer. */
  start(): void {
    this.#timer ??= setTimeout(() => this.#tick(), this.#waitMs());
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Sends everything that is due by the clock; returns how many frames. */
  runDue(): number {
    const { nowUs, intervalMs, random } = this.#options;
    const now = nowUs();
    let sent = 0;
    for (let next = this.#heap[0]; next !== undefined && next.atUs <= now; next = this.#heap[0]) {
      next.sender.send(Math.floor(next.atUs));
      next.atUs += intervalMs * 1000 * (0.9 + 0.2 * random());
      next.atUs = Math.max(next.atUs, now - maxBehind * intervalMs * 1000);
      this.#sink(0);
      sent++;
    }
    return sent;
  }

  #tick(): void {
    this.#timer = null;
    this.runDue();
    this.start();
  }

  #waitMs(): number {
    const next = this.#heap[0];
    if (next === undefined) return maxWaitMs;
    return Math.min(maxWaitMs, Math.max(1, (next.atUs - this.#options.nowUs()) / 1000));
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfEarlier(at, parent)) break;
      at = parent;
    }
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const earliest = this.#at(right) < this.#at(left) ? right : left;
      if (!this.#swapIfEarlier(earliest, at)) return;
      at = earliest;
    }
  }

  #at(index: number): number {
    return this.#heap[index]?.atUs ?? Infinity;
  }

  #swapIfEarlier(child: number, parent: number): boolean {
    const [low, high] = [this.#heap[child], this.#heap[parent]];
    if (low === undefined || high === undefined || low.atUs >= high.atUs) return false;
    this.#heap[child] = high;
    this.#heap[parent] = low;
    return true;
  }
}
