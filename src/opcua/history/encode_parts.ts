import { setImmediate } from "node:timers/promises";
import type { TimestampsToReturn } from "node-opcua";
import type { EncodedHistoryData } from "../library/encoded_history.ts";
import { DataValueEncoder, type EncodedType, type ValueColumns } from "./data_value_encoder.ts";

/** Values that are encoded before everybody else has a turn: 1 to 2 ms. */
export const VALUES_PER_TURN = 10_000;

/**
 * Encodes what goes out for one node, at most up to the value that takes it to `maxBytes`, with a turn of the event loop
 * in between.
 *
 * @throws the signal's reason when it is aborted meanwhile
 */
export async function encodeParts(
  parts: readonly ValueColumns[],
  type: EncodedType,
  timestamps: TimestampsToReturn,
  maxBytes: number,
  signal: AbortSignal,
): Promise<EncodedHistoryData> {
  const encoder = new DataValueEncoder(type, timestamps, parts.reduce((sum, { count }) => sum + count, 0));
  let left = VALUES_PER_TURN;
  for (const part of parts) {
    for (let row = 0; row < part.count && encoder.bytes < maxBytes;) {
      if (left === 0) {
        await setImmediate();
        signal.throwIfAborted();
        left = VALUES_PER_TURN;
      }
      const added = encoder.addRows(part, row, Math.min(part.count, row + left), maxBytes);
      row += added;
      left -= added;
    }
  }
  return encoder.finish();
}
