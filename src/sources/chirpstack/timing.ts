import type { ChirpStackConfig } from "../../config/schema.ts";
import { Backoff } from "../../telemetry/backoff.ts";

/** How long the source waits for what, ms. Tests shorten it; the configuration sets the rest. */
export interface Timing {
  /** HTTP/2 pings go out after so much silence on a connection. */
  readonly keepaliveMs: number;
  /** A ping without an answer for so long means that the connection is dead, however open it looks. */
  readonly keepaliveTimeoutMs: number;
  /** First wait before a new attempt. */
  readonly firstBackoffMs: number;
  /** A connection that held for so long starts the waits from the first again. */
  readonly healthyMs: number;
  /** An hour is over for poll mode so long after its end: for frames on their way, and clocks that differ. */
  readonly bucketGraceMs: number;
}

export const defaultTiming: Timing = {
  keepaliveMs: 20_000,
  keepaliveTimeoutMs: 10_000,
  firstBackoffMs: 1000,
  healthyMs: 60_000,
  bucketGraceMs: 60_000,
};

/** The waits between attempts to reach the server: growing up to `max_backoff`, from the first again after a calm time. */
export function attemptBackoff(
  { config, timing, random }: {
    readonly config: Pick<ChirpStackConfig, "max_backoff">;
    readonly timing: Timing;
    readonly random: () => number;
  },
): Backoff {
  return new Backoff({
    firstMs: timing.firstBackoffMs,
    maxMs: config.max_backoff * 1000,
    resetAfterMs: timing.healthyMs,
    random,
  });
}
