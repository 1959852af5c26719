/** Levels of the log, the least severe first. */
export const logLevels = ["trace", "debug", "info", "warning", "error", "fatal"] as const;
export type LogLevel = typeof logLevels[number];

/** A log record as it crosses from a worker to the supervisor, which alone owns the log's sinks. */
export interface LogMessage {
  readonly category: readonly string[];
  readonly level: LogLevel;
  readonly timestampMs: number;
  /** The rendered text. */
  readonly message: string;
  /** Structured fields; plain JSON, already redacted. */
  readonly properties: Readonly<Record<string, unknown>>;
}
