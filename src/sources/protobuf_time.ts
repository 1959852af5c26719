import timestampPb from "google-protobuf/google/protobuf/timestamp_pb.js";
import type { Timestamp } from "google-protobuf/google/protobuf/timestamp_pb.js";

/** A protobuf timestamp of µs since the epoch. */
export function toTimestamp(timeUs: number): Timestamp {
  const message = new timestampPb.Timestamp();
  const seconds = Math.floor(timeUs / 1_000_000);
  message.setSeconds(seconds);
  message.setNanos(Math.round(timeUs - seconds * 1_000_000) * 1000);
  return message;
}

/** What of a protobuf timestamp is read. */
interface ReadableTimestamp {
  getSeconds(): number;
  getNanos(): number;
}

/** µs since the epoch of a protobuf timestamp, rounded down. */
export function fromTimestamp(message: ReadableTimestamp): number {
  return message.getSeconds() * 1_000_000 + Math.floor(message.getNanos() / 1000);
}

/** The same of a field that may not be set: `null` then. */
export function timeUsOf(field: ReadableTimestamp | undefined): number | null {
  return field === undefined ? null : fromTimestamp(field);
}
