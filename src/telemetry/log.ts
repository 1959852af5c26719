import { configureSync, getLogger, type LogRecord, resetSync, type Sink } from "@logtape/logtape";
import { getRotatingFileSink } from "@logtape/file";
import { redactByField } from "@logtape/redaction";
import { join } from "node:path";
import { jsonLine, textLine } from "./log_format.ts";
import { type LogLevel, logLevels, type LogMessage } from "./log_message.ts";
import { createRedactor, redacted, type Redactor, secretFieldPatterns } from "./redact.ts";

/** The `[logging]` section. */
export interface LogSettings {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** Folder of the log files, made when it is not there; without it there are none. */
  readonly dir?: string | undefined;
  /** A file that would grow beyond this is rotated, bytes. */
  readonly max_file_bytes: number;
  /** Files kept, the one being written included. */
  readonly max_files: number;
}

/** The log of this isolate. */
export interface Log {
  /** Changes the lowest level that is logged, at once. */
  setLevel(level: LogLevel): void;
  /** Flushes and closes the sinks. Later records are dropped. */
  dispose(): Promise<void>;
}

/** The log of the supervisor, which owns the sinks of the whole process. */
export interface LogHandle extends Log {
  /** Takes a worker's record, redacts it with the secrets that only the supervisor knows, and writes it. */
  accept(record: LogMessage): void;
  /** The text without the secrets that the supervisor knows. */
  redact(text: string): string;
  /** Further values that no sink may hold from now on. */
  addSecrets(secrets: readonly string[]): void;
}

/** Longest message or text field written, characters. */
const longestText = 8192;
/** Longest time that a record waits in memory before it is in the file, ms. */
const flushIntervalMs = 1000;
/** Colours that libraries print (ECMA-48 SGR). */
// deno-lint-ignore no-control-regex
const colors = /\u001b\[[0-9;]*m/g;

/**
 * Sets up logging where the sinks are: standard error, and rotating files `edgekeep.log`, `edgekeep.log.1`, … in
 * `settings.dir`.
 *
 * @param secrets exact values that no sink may ever hold
 * @param writeError where lines for standard error go
 * @throws when the folder cannot be made or the file cannot be opened
 */
export async function configureLog(
  settings: LogSettings,
  secrets: readonly string[],
  writeError: (line: string) => void = writeStandardError,
): Promise<LogHandle> {
  let known = new Set(secrets);
  let byValue = createRedactor(secrets);
  const redactor: Redactor = { text: (text) => byValue.text(text), value: (value) => byValue.value(value) };
  const format = settings.format === "json" ? jsonLine : textLine;
  const file = settings.dir === undefined ? null : await openFiles(settings.dir, settings);
  let lowest = settings.level;

  function write(record: LogMessage): void {
    const line = format(bounded(record));
    writeError(line);
    file?.write(line);
  }
  const start = (level: LogLevel) => configureIsolate(level, recordSink(redactor, write));
  start(lowest);
  return {
    accept(record) {
      if (logLevels.indexOf(record.level) < logLevels.indexOf(lowest)) return;
      write({
        category: record.category,
        level: record.level,
        timestampMs: record.timestampMs,
        message: redactor.text(record.message),
        properties: asRecord(redactor.value(record.properties)),
      });
    },
    redact: (text) => redactor.text(text),
    addSecrets(more) {
      if (more.every((secret) => known.has(secret))) return;
      known = new Set([...known, ...more]);
      byValue = createRedactor([...known]);
    },
    setLevel(level) {
      lowest = level;
      start(level);
    },
    async dispose() {
      current = null;
      resetSync();
      await file?.close();
    },
  };
}

/**
 * Sets up logging in a worker: every record goes to `post`, rendered, as plain data, without anything that looks like a
 * secret. What the worker's libraries print to the console becomes records of the category `console`: nothing
 * reaches the terminal past the supervisor's redaction.
 */
export function configureForwardingLog(level: LogLevel, post: (record: LogMessage) => void): Promise<Log> {
  const sink = recordSink(createRedactor(), post);
  configureIsolate(level, sink);
  const restoreConsole = captureConsole();
  return Promise.resolve({
    setLevel: (next) => configureIsolate(next, sink),
    dispose() {
      restoreConsole();
      current = null;
      resetSync();
      return Promise.resolve();
    },
  });
}

/** What this isolate logs to; `null` before it is set up. */
let current: { readonly level: LogLevel; readonly sink: Sink } | null = null;
const taps = new Set<Sink>();

/**
 * Calls `listener` with every record of this isolate, at the finest level and without anything that looks like a secret,
 * until the returned function is called. What is written to the log stays the same.
 *
 * @param secrets exact values that no record may hold
 */
export function tapLog(listener: (record: LogMessage) => void, secrets: readonly string[] = []): () => void {
  const redactor = createRedactor(secrets);
  const tap = recordSink(redactor, (record) => listener(bounded(record)));
  taps.add(tap);
  if (current !== null) configureIsolate(current.level, current.sink);
  return () => {
    if (taps.delete(tap) && current !== null) configureIsolate(current.level, current.sink);
  };
}

function configureIsolate(level: LogLevel, sink: Sink): void {
  current = { level, sink };
  const all: Sink = (record) => {
    if (logLevels.indexOf(record.level) >= logLevels.indexOf(level)) sink(record);
    for (const tap of taps) tap(record);
  };
  configureSync({
    reset: true,
    sinks: { sink, all },
    loggers: [
      {
        category: ["edgekeep"],
        lowestLevel: taps.size === 0 ? level : "trace",
        sinks: [taps.size === 0 ? "sink" : "all"],
      },
      // LogTape reports here that a sink failed; without a sink of its own it would print to the console
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["sink"] },
    ],
  });
}

/** A sink that turns LogTape's record into ours: fields plain and redacted, text rendered from them. */
function recordSink(redactor: Redactor, write: (record: LogMessage) => void): Sink {
  const byField = redactByField((record: LogRecord) => {
    write({
      category: record.category,
      level: record.level,
      timestampMs: record.timestamp,
      message: redactor.text(record.message.map((part, index) => index % 2 === 0 ? part : rendered(part)).join("")),
      properties: record.properties,
    });
  }, { fieldPatterns: [...secretFieldPatterns], action: () => redacted });
  function rendered(part: unknown): string {
    const value = redactor.value(part);
    if (typeof value === "string") return value;
    if (isErrorLike(value)) return `${value.name}: ${value.message}`;
    return JSON.stringify(value) ?? String(value);
  }
  // plain first: redactByField takes errors, maps and class instances as they are
  return (record) => byField({ ...record, properties: asRecord(redactor.value(record.properties)) });
}

/** An error made plain: as text it is its name and message, its stack stays in the fields. */
function isErrorLike(value: unknown): value is { readonly name: string; readonly message: string } {
  return typeof value === "object" && value !== null && "name" in value && "message" in value && "stack" in value;
}

function bounded(record: LogMessage): LogMessage {
  const cut = (text: string) => text.length > longestText ? `${text.slice(0, longestText)}…` : text;
  const properties = Object.fromEntries(
    Object.entries(record.properties).map(([key, value]) => [key, typeof value === "string" ? cut(value) : value]),
  );
  return { ...record, message: cut(record.message), properties };
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

interface LineFile {
  write(line: string): void;
  close(): Promise<void>;
}

async function openFiles(dir: string, settings: LogSettings): Promise<LineFile> {
  await Deno.mkdir(dir, { recursive: true, mode: 0o750 });
  let line = "";
  // its declared overloads hide that a non-blocking sink is disposed asynchronously
  const sink = getRotatingFileSink(join(dir, "edgekeep.log"), {
    nonBlocking: true,
    bufferSize: 4096,
    flushInterval: flushIntervalMs,
    maxSize: settings.max_file_bytes,
    maxFiles: settings.max_files - 1,
    // the line is made once for all sinks
    formatter: () => line,
  }) as unknown as Sink & AsyncDisposable;
  return {
    write(next) {
      line = next;
      sink({ category: [], level: "info", message: [], rawMessage: "", timestamp: Date.now(), properties: {} });
    },
    close: () => Promise.resolve(sink[Symbol.asyncDispose]()),
  };
}

function writeStandardError(line: string): void {
  let bytes = new TextEncoder().encode(line);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(Deno.stderr.writeSync(bytes));
  } catch {
    // nobody reads standard error any more; the files, if any, still have the line
  }
}

/** Sends what goes to the console to the log until the returned function is called. */
function captureConsole(): () => void {
  const log = getLogger(["edgekeep", "console"]);
  const levels = {
    trace: "trace",
    debug: "debug",
    log: "info",
    info: "info",
    warn: "warning",
    error: "error",
  } as const;
  const names = ["trace", "debug", "log", "info", "warn", "error"] as const;
  const originals = names.map((name) => [name, console[name]] as const);
  for (const name of names) {
    console[name] = (...values: unknown[]) => {
      const strings = values.map((_, index) => index === 0 ? "" : " ").concat("");
      const parts = values.map((value) => typeof value === "string" ? value.replace(colors, "") : value);
      log[levels[name]](Object.assign(strings, { raw: strings }), ...parts);
    };
  }
  return () => {
    for (const [name, original] of originals) console[name] = original;
  };
}
