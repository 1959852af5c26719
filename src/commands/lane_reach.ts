import { Backoff } from "../telemetry/backoff.ts";
import type { Downlinks } from "./commands.ts";
import { unlessAborted } from "./unless_aborted.ts";

/** What a {@link LaneReach} needs of its owner. */
export interface ReachParts {
  /** Time that has passed since some moment, µs, whatever is done to the clock; all times here are of it. */
  readonly elapsedUs: () => number;
  /** The way to the devices, and since when there is one, µs. */
  readonly way: () => { readonly downlinks: Downlinks; readonly sinceUs: number } | null;
  /** Tells that calls fail, or with `null` that they come through. */
  readonly troubled: (why: string | null) => void;
  /** Ends calls that are under way. */
  readonly signal: AbortSignal;
  readonly settleMs: number;
}

/** Whether the network server can be asked about one device: pauses after failures, and how long it has been well. */
export class LaneReach {
  readonly #parts: ReachParts;
  readonly #backoff = new Backoff({ firstMs: 1_000, maxMs: 60_000 });
  #retryUs = 0;
  #reachedSinceUs: number | null = null;

  constructor(parts: ReachParts) {
    this.#parts = parts;
  }

  /** Not before this time another call is made, µs. */
  get retryUs(): number {
    return this.#retryUs;
  }

  /** The way to the devices, unless there is none or the last call failed a short while ago. */
  ready(): Downlinks | null {
    const way = this.#parts.way();
    return way === null || this.#parts.elapsedUs() < this.#retryUs ? null : way.downlinks;
  }

  /** A call that a stop does not wait for. */
  call<T>(make: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return unlessAborted(make(this.#parts.signal), this.#parts.signal);
  }

  /** A call came through. */
  succeeded(): void {
    const elapsedUs = this.#parts.elapsedUs();
    this.#reachedSinceUs ??= elapsedUs;
    this.#backoff.succeeded(elapsedUs / 1000);
    this.#parts.troubled(null);
  }

  /** A call failed: after a while another is made. */
  failed(error: unknown): void {
    const elapsedUs = this.#parts.elapsedUs();
    this.#reachedSinceUs = null;
    this.#retryUs = elapsedUs + Math.ceil(this.#backoff.next(elapsedUs / 1000) * 1000);
    this.#parts.troubled(error instanceof Error ? error.message : String(error));
  }

  /** Nothing is tried before this time, µs; `0`: at once. */
  waitUntil(timeUs: number): void {
    this.#retryUs = timeUs;
  }

  /** Whether everything that was told of downlinks since a time has come in. */
  settledSince(sinceUs: number): boolean {
    const way = this.#parts.way();
    if (way === null || this.#reachedSinceUs === null) return false;
    const fromUs = Math.max(sinceUs, way.sinceUs, this.#reachedSinceUs);
    return this.#parts.elapsedUs() >= fromUs + this.#parts.settleMs * 1000;
  }
}
