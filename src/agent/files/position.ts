import { z } from "zod";
import { countField, hashField, timeField } from "../../mesh/fields.ts";
import { nodeStateSchema } from "../../mesh/state.ts";

/** How far this node has followed its hub. */
const positionSchema = z.strictObject({
  epoch: countField,
  sequence: countField,
  /** Of the state at this sequence; `null` after an event, until the next tick or state tells it. */
  state_sha256: hashField.nullable(),
  /** Index of the key that signed what brought it here. */
  key_index: countField,
});

/** Where this node stands in its hub's history. */
export type Position = z.output<typeof positionSchema>;

/**
 * The small file that is written before anything is applied: the position, and the events since the stored state, so
 * that a start without the hub knows what the last one knew, a removed peer above all.
 */
export const positionFileSchema = z.strictObject({
  position: positionSchema,
  /** The highest time that this machine's clock has shown, µs UTC: WireGuard refuses handshakes from before. */
  time_floor_us: z.int().min(0),
  /** When the hub last signed something that this node took, by hub time, µs UTC; 0: never. */
  contact_us: z.int().min(0),
  events: z.array(z.strictObject({
    sequence: countField,
    event_type: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/),
    payload: z.record(z.string(), z.unknown()),
  })).max(1024),
});

/** @see positionFileSchema */
export type PositionFile = z.output<typeof positionFileSchema>;

/** A whole state as the hub signed it. */
export const stateFileSchema = z.strictObject({
  position: positionSchema,
  /** When the hub signed it. */
  issued_at: timeField,
  state: nodeStateSchema,
});
