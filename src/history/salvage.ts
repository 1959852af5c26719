import type { DatabaseSync } from "node:sqlite";
import type { MetricType, TagId } from "../tags/tag.ts";
import { DamagedBlockError, decodeBlock } from "./block_codec.ts";
import { decodeJournal } from "./journal_codec.ts";
import type { SalvagePart, SalvageReport } from "./reader_protocol.ts";
import { decodeRollup } from "./rollup_codec.ts";

/** Rows of a table in one part. */
const PART = 64;
const MOST_LOST = 20;
/** Keys tried one by one behind a damaged page before the steps grow. */
const NEAR_KEYS = 1000;
/** Keys looked at when even the largest key of a table cannot be read. */
const FARTHEST_KEY = 2 ** 24;

type Row = Readonly<Record<string, unknown>>;
type Note = (text: string) => void;

const nothing: SalvagePart = { series: [], blocks: [], journals: [], rollups: [] };

/**
 * Reads what can be read of a damaged file, table by table, passing over what cannot: a page that SQLite refuses, a
 * block whose checksum does not match. Yields parts; each is to be taken before the next is asked for.
 */
export function* salvage(db: DatabaseSync): Generator<SalvagePart, SalvageReport> {
  const lost: string[] = [];
  const total = { series: 0, blocks: 0, rows: 0, rollups: 0 };
  const note: Note = (text) => {
    if (lost.length < MOST_LOST) lost.push(text);
  };
  for (const series of seriesParts(db, note)) {
    total.series += series.length;
    yield { ...nothing, series };
  }
  for (const rows of parts(db, "block", "id, series, data", note)) {
    const blocks: { series: number; t0: number; t1: number; rows: number; data: Uint8Array }[] = [];
    for (const row of rows) {
      const data = row.data as Uint8Array;
      const block = tryDecode(() => decodeBlock(data), `block ${row.id}`, note);
      if (block === null) continue;
      const { t, count } = block;
      blocks.push({ series: Number(row.series), t0: t[0] as number, t1: t[count - 1] as number, rows: count, data });
      total.blocks++;
      total.rows += count;
    }
    yield { ...nothing, blocks };
  }
  for (const rows of parts(db, "journal", "id, data", note)) {
    const journals: Uint8Array[] = [];
    for (const row of rows) {
      const data = row.data as Uint8Array;
      const entries = tryDecode(() => decodeJournal(data), `journal record ${row.id}`, note);
      if (entries === null) continue;
      journals.push(data);
      total.rows += entries.length;
    }
    yield { ...nothing, journals };
  }
  for (const rows of rollupParts(db, note)) {
    const rollups: { series: number; day: number; data: Uint8Array }[] = [];
    for (const row of rows) {
      const data = row.data as Uint8Array;
      if (tryDecode(() => decodeRollup(data), `rollup ${row.series}/${row.day}`, note) === null) continue;
      rollups.push({ series: Number(row.series), day: Number(row.day), data });
      total.rollups++;
    }
    yield { ...nothing, rollups };
  }
  return { ...total, lost };
}

function tryDecode<T>(decode: () => T, what: string, note: Note): T | null {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof DamagedBlockError)) throw error;
    note(`${what}: ${error.message}`);
    return null;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The series; their names also stand in an index, which serves when the table itself is damaged. */
function* seriesParts(db: DatabaseSync, note: Note): Generator<SalvagePart["series"]> {
  const seen = new Set<number>();
  for (const rows of parts(db, "series", "id, tag, type, retention_days", note)) {
    for (const { id } of rows) seen.add(Number(id));
    yield rows.map((row) => ({
      id: Number(row.id),
      tag: String(row.tag) as TagId,
      type: String(row.type) as MetricType,
      retentionDays: Number(row.retention_days),
    }));
  }
  try {
    const indexed = db.prepare("SELECT id, tag FROM series INDEXED BY sqlite_autoindex_series_1 ORDER BY tag").all();
    const rest = (indexed as Row[]).filter(({ id }) => !seen.has(Number(id)));
    // type and retention follow with the tag's next sample
    const type: MetricType = "Float";
    yield rest.map((row) => ({ id: Number(row.id), tag: String(row.tag) as TagId, type, retentionDays: 3650 }));
  } catch (error) {
    note(`names of series: ${textOf(error)}`);
  }
}

/** The rows of a table by ascending id, some at a time, without those on pages that SQLite refuses to read. */
function* parts(db: DatabaseSync, table: string, columns: string, note: Note): Generator<Row[]> {
  // `id >` would look at the page of the key before, which is the damaged one
  const select = `SELECT ${columns} FROM ${table} WHERE id >= ? ORDER BY id LIMIT ?`;
  const read = (behind: number, limit: number): Row[] | Error => {
    try {
      return db.prepare(select).all(behind + 1, limit) as Row[];
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
  let at = -1;
  for (;;) {
    let some = read(at, PART);
    if (some instanceof Error) {
      note(`${table} behind ${at}: ${some.message}`);
      some = readableOnes(read, at);
      if (some.length === 0) {
        const behind = nextReadable(read, at, lastKey(db, table));
        if (behind === null) return;
        at = behind;
        continue;
      }
    }
    if (some.length === 0) return;
    at = Number(some[some.length - 1]?.id);
    yield some;
  }
}

/** The rows behind `at` up to the first that cannot be read. */
function readableOnes(read: (behind: number, limit: number) => Row[] | Error, at: number): Row[] {
  const rows: Row[] = [];
  while (rows.length < PART) {
    const next = read(at, 1);
    if (next instanceof Error || next[0] === undefined) break;
    rows.push(next[0]);
    at = Number(next[0].id);
  }
  return rows;
}

/** The least id behind which reading works again: found key by key, farther away in steps that double, then by halves. */
function nextReadable(
  read: (behind: number, limit: number) => Row[] | Error,
  at: number,
  last: number,
): number | null {
  let bad = at;
  for (let step = 1;; step += step < NEAR_KEYS ? 1 : step) {
    if (at + step > last) return null;
    if (!(read(at + step, 1) instanceof Error)) {
      let good = at + step;
      while (good - bad > 1) {
        const middle = Math.floor((good + bad) / 2);
        if (read(middle, 1) instanceof Error) bad = middle;
        else good = middle;
      }
      return good;
    }
    bad = at + step;
  }
}

function lastKey(db: DatabaseSync, table: string): number {
  try {
    return (db.prepare(`SELECT max(id) AS last FROM ${table}`).get() as { last: number | null }).last ?? -1;
  } catch {
    return FARTHEST_KEY;
  }
}

/** Rollups have two keys: behind a damaged page the search goes on with the next series. */
function* rollupParts(db: DatabaseSync, note: Note): Generator<Row[]> {
  let series = -1;
  let day = -1;
  for (let failures = 0; failures < 1000;) {
    try {
      const some = db.prepare(
        "SELECT series, day, data FROM rollup WHERE (series, day) > (?, ?) ORDER BY series, day LIMIT ?",
      ).all(series, day, PART) as Row[];
      const last = some[some.length - 1];
      if (last === undefined) return;
      series = Number(last.series);
      day = Number(last.day);
      yield some;
    } catch (error) {
      note(`rollup behind ${series}/${day}: ${textOf(error)}`);
      failures++;
      series++;
      day = -1;
    }
  }
}
