/**
 * Worker entry: reads the history file, off the gateway's thread, with access to its folder and nothing else. It has a connection
 * of its own that never writes rows; only checkpoints move what the writer committed from the log into the file.
 */
import * as sqlite from "node:sqlite";
import { setImmediate } from "node:timers";
import { closeSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { openDamaged } from "./damaged_file.ts";
import { buildRollup, readBuckets } from "./read_buckets.ts";
import { readAtTime } from "./read_at_time.ts";
import { readProcessed } from "./read_processed.ts";
import { readRaw } from "./read_raw.ts";
import type { FromReader, ReaderCalls, ReaderRequest, SalvageReport, ToReader } from "./reader_protocol.ts";
import { salvage } from "./salvage.ts";
import { HistoryStore } from "./store.ts";

/** How long one request may hold the thread before the next gets its turn, ms. */
const TURN_MS = 8;

const port = self as unknown as {
  onmessage: ((event: MessageEvent<ToReader>) => void) | null;
  postMessage(message: FromReader, transfer?: Transferable[]): void;
};
const send = (message: FromReader, transfer: Transferable[] = []) => port.postMessage(message, transfer);

/** Requests under way, in the order of their turns. */
const running = new Map<number, Generator<void, unknown>>();
/** Salvages that wait until their last part was taken. */
const paused = new Map<number, Generator<void, unknown>>();
let path = "";
let store: HistoryStore | null = null;

let turnsRequested = false;

port.onmessage = ({ data }) => {
  switch (data.type) {
    case "open":
      path = data.path;
      store?.close();
      store = openStore(path);
      send({ type: "ready" });
      break;
    case "call":
      running.set(data.id, start(data.id, data.request));
      requestTurns();
      break;
    case "abort":
      running.get(data.id)?.return(undefined);
      paused.get(data.id)?.return(undefined);
      running.delete(data.id);
      paused.delete(data.id);
      break;
    case "taken": {
      const waiting = paused.get(data.id);
      if (waiting === undefined) break;
      paused.delete(data.id);
      running.set(data.id, waiting);
      requestTurns();
      break;
    }
    case "close":
      for (const request of [...running.values(), ...paused.values()]) request.return(undefined);
      running.clear();
      store?.close();
      store = null;
      send({ type: "closed" });
  }
};

function openStore(path: string): HistoryStore {
  const db = new sqlite.DatabaseSync(path);
  // https://sqlite.org/pragma.html#pragma_query_only: no row is changed through this connection, checkpoints still run
  db.exec("PRAGMA busy_timeout = 2000; PRAGMA query_only = ON; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY");
  return new HistoryStore(db);
}

function requestTurns(): void {
  if (turnsRequested || running.size === 0) return;
  turnsRequested = true;
  // aborts and new requests come in between two turns; a message to ourselves would go before them
  setImmediate(takeTurns);
}

/** Gives every request one turn, so that a short one never waits for a long one to end. */
function takeTurns(): void {
  turnsRequested = false;
  for (const [id, request] of [...running]) {
    try {
      const until = performance.now() + TURN_MS;
      let step = request.next();
      while (step.done !== true && running.has(id) && performance.now() < until) step = request.next();
      if (step.done !== true) continue;
      running.delete(id);
      send({ type: "result", id, result: step.value }, buffersOf(step.value));
    } catch (error) {
      running.delete(id);
      send({ type: "failed", id, message: error instanceof Error ? error.message : String(error) });
    }
  }
  requestTurns();
}

function* start(id: number, request: ReaderRequest): Generator<void, ReaderCalls[keyof ReaderCalls]["result"]> {
  if (store === null) throw new Error("Cannot read the history as its file is not open");
  const damaged = (what: string, error: unknown) =>
    send({ type: "damaged", what, message: error instanceof Error ? error.message : String(error) });
  switch (request.kind) {
    case "raw":
      return yield* readRaw(store, request, damaged);
    case "buckets":
      return yield* readBuckets(store, request, damaged);
    case "processed":
      return yield* readProcessed(store, request, damaged);
    case "at_time":
      return yield* readAtTime(store, request, damaged);
    case "rollup":
      return yield* buildRollup(store, request, damaged);
    case "checkpoint":
      return store.checkpoint();
    case "backup":
      return yield* backUp(store, request.path);
    case "check":
      return check(store);
    case "salvage":
      return yield* salvageFile(id, request.path);
  }
}

function check({ db }: HistoryStore): string[] {
  const rows = db.prepare("PRAGMA quick_check(20)").all() as { quick_check: string }[];
  return rows.map(({ quick_check }) => quick_check).filter((text) => text !== "ok");
}

/**
 * Copies the file page by page as one snapshot. All pages in one step: between steps SQLite would begin anew whenever
 * the writer committed something (https://sqlite.org/backup.html).
 */
function* backUp({ db }: HistoryStore, target: string): Generator<void, number> {
  const copy = sqlite.backup as typeof sqlite.backup | undefined;
  if (copy === undefined) throw new Error("Cannot back up the history as this runtime's node:sqlite has no backup()");
  const partial = `${target}.partial`;
  rmSync(partial, { force: true });
  closeSync(openSync(partial, "wx", 0o600));
  let outcome: { error: unknown } | "done" | null = null;
  copy(db, partial, { rate: -1 }).then(() => outcome = "done", (error) => outcome = { error });
  while (outcome === null) yield;
  const result = outcome as { error: unknown } | "done";
  if (result !== "done") {
    rmSync(partial, { force: true });
    throw result.error;
  }
  seal(partial);
  renameSync(partial, target);
  return statSync(target).size;
}

/** Makes a copy a file of its own: no log beside it, and checked. */
function seal(path: string): void {
  const db = new sqlite.DatabaseSync(path);
  try {
    db.exec("PRAGMA journal_mode = DELETE");
    const found = check(new HistoryStore(db));
    if (found.length > 0) throw new Error(`Cannot keep the backup as it is damaged: ${found.join("; ")}`);
  } finally {
    db.close();
  }
}

function* salvageFile(id: number, damagedPath: string): Generator<void, SalvageReport> {
  // the first page of the file in use, which may have to stand in for the damaged one, can still lie in the log
  store?.checkpoint();
  const file = openDamaged(damagedPath, path);
  try {
    const found = salvage(file.db);
    for (;;) {
      const step = found.next();
      if (step.done === true) return step.value;
      send({ type: "part", id, part: step.value });
      const self = running.get(id);
      if (self !== undefined) paused.set(id, self);
      running.delete(id);
      yield;
    }
  } finally {
    file.close();
  }
}

/** The buffers of typed arrays in a result, which move to the receiver instead of being copied. */
function buffersOf(result: unknown): Transferable[] {
  if (result instanceof Uint8Array) return [result.buffer as ArrayBuffer];
  if (typeof result !== "object" || result === null) return [];
  return Object.values(result).filter(ArrayBuffer.isView).map(({ buffer }) => buffer as ArrayBuffer);
}
