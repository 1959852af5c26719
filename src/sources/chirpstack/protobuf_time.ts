import timestampPb from "google-protobuf/google/protobuf/timestamp_pb.js";

/** What of a protobuf Timestamp is read. */
interface Timestamp {
  getSeconds(): number;
  getNanos(): number;
}

/** A protobuf time in µs since the epoch; `null` when the field is not set. */
export function timeUsOf(timestamp: Timestamp | undefined): number | null {
  return timestamp === undefined ? null : timestamp.getSeconds() * 1_000_000 + Math.floor(timestamp.getNanos() / 1000);
}

/** µs since the epoch as a protobuf time. */
export function timestampOf(timeUs: number): Timestamp {
  const timestamp = new timestampPb.Timestamp();
  const seconds = Math.floor(timeUs / 1_000_000);
  timestamp.setSeconds(seconds);
  timestamp.setNanos((timeUs - seconds * 1_000_000) * 1000);
  return timestamp;
}
