import { configure, type LogRecord, reset } from "@logtape/logtape";

/** Records of this program's log while a test runs. */
export interface CapturedLog extends AsyncDisposable {
  readonly records: readonly LogRecord[];
  /** The records of one event. */
  of(event: string): LogRecord[];
  /** All that was logged, as one text, for proving that something is not in it. */
  text(): string;
}

/** Captures everything that is logged below `edgekeep`, down to the finest level. */
export async function captureLog(): Promise<CapturedLog> {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => void records.push(record) },
    loggers: [
      { category: ["edgekeep"], sinks: ["memory"], lowestLevel: "trace" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "fatal" },
    ],
  });
  return {
    records,
    of: (event) => records.filter((record) => record.properties.event === event),
    text: () => records.map((record) => `${record.message.join("")} ${JSON.stringify(record.properties)}`).join("\n"),
    async [Symbol.asyncDispose]() {
      await reset();
    },
  };
}
