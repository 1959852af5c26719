import { reconnectFirstMs, reconnectLastMs } from "../../mesh/constants.ts";

/**
 * Time before the next attempt, ms: anything up to a step that doubles from 1 s to 60 s, so that a thousand agents whose
 * hub restarts do not come back in the same instant.
 *
 * @param failures in a row, from 1
 * @param random uniform in [0, 1)
 */
export function fullJitter(failures: number, random: () => number = Math.random): number {
  return random() * Math.min(reconnectLastMs, reconnectFirstMs * 2 ** Math.min(16, Math.max(0, failures - 1)));
}
