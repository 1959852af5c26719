import * as sqlite from "node:sqlite";
import { ok, strictEqual } from "node:assert/strict";
import {
  type ExampleHistorian,
  type ExampleTable,
  exampleTables,
  historians,
} from "../../tests/lib/aggregate_examples.ts";
import { encodeBlock } from "./block_codec.ts";
import type { ComputedColumns } from "./computed_columns.ts";
import { migrate } from "./migrations.ts";
import { readProcessed } from "./read_processed.ts";
import { emptyRows, type Rows, stateOf } from "./rows.ts";
import { HistoryStore } from "./store.ts";

const NOON_US = Date.UTC(2026, 0, 10, 12) * 1000;
const SECOND_US = 1_000_000;
const codes = { good: 0, uncertain: 0x40000000, bad: 0x80000000 };

function rowsOf({ rows: examples }: ExampleHistorian): Rows {
  const rows = emptyRows();
  for (const [seconds, value, status] of examples) {
    rows.t.push(NOON_US + seconds * SECOND_US);
    rows.lag.push(0);
    rows.state.push(stateOf(codes[status], 0));
    rows.v.push(value);
  }
  return rows;
}

/** As many rows in memory as wanted, all others in blocks of three. */
function stored(rows: Rows, inMemory: number): { store: HistoryStore; head: Rows } {
  const db = new sqlite.DatabaseSync(":memory:");
  migrate(db);
  const store = new HistoryStore(db);
  const packed = rows.t.length - inMemory;
  for (let from = 0; from < packed; from += 3) {
    const to = Math.min(packed, from + 3);
    store.insertBlock(1, rows.t[from] ?? 0, rows.t[to - 1] ?? 0, to - from, encodeBlock(rows, from, to));
  }
  const head = emptyRows();
  for (const column of ["t", "lag", "state", "v"] as const) {
    (head[column] as unknown[]).push(...rows[column].slice(packed));
  }
  return { store, head };
}

function written(columns: ComputedColumns, i: number, table: ExampleTable): string {
  const status = columns.statuses[i] ?? 0;
  if (status === 0x809b0000) return "-";
  if (status === 0x80000000 && table.aggregate === "Count") return "B";
  const value = columns.values[i];
  const shown = value === null || Number.isNaN(value) ? "" : String(value);
  const picks = table.aggregate === "Start" || table.aggregate === "End" || table.aggregate === "MaximumActualTime";
  const at = picks ? `@${((columns.timesUs[i] ?? 0) - NOON_US) / SECOND_US}` : "";
  if (!picks) strictEqual(columns.timesUs[i], NOON_US + i * table.intervalSeconds * SECOND_US);
  const base = (status & 0xffff0000) >>> 0;
  const severity = { 0: "", 0x40a40000: "U", 0x40000000: "u", 0x80000000: "b" }[base];
  ok(severity !== undefined, `status ${status.toString(16)}`);
  const location = ["", "c", "i"][status & 3];
  ok((status & 0x41f) === 0 || (status & 0x400) !== 0, "bits without the type of info");
  const marks = `${severity}${location}${status & 0x10 ? "m" : ""}${status & 4 ? "p" : ""}`;
  return `${shown}${at}:${marks}`;
}

/** Equal, with the number as exact as the table gives it. */
function assertSame(actual: string, expected: string, what: string): void {
  const [, actualValue = "", actualRest = ""] = /^([\d.]*)(.*)$/.exec(actual) ?? [];
  const [, value = "", rest = ""] = /^([\d.]*)(.*)$/.exec(expected) ?? [];
  strictEqual(actualRest, rest, `${what}: ${actual} instead of ${expected}`);
  if (value === "") return strictEqual(actualValue, "", what);
  const digits = value.split(".")[1]?.length ?? 0;
  ok(
    Math.abs(Number(actualValue) - Number(value)) <= 0.5000001 * 10 ** -Math.max(3, digits),
    `${what}: ${actual} instead of ${expected}`,
  );
}

for (const table of exampleTables) {
  const { aggregate, historian, intervalSeconds, expected } = table;
  Deno.test(`${aggregate} of Historian ${historian} is as OPC 10000-13 Annex A says`, () => {
    const example = historians[historian];
    ok(example);
    const rows = rowsOf(example);
    for (const inMemory of [rows.t.length, 4, 0]) {
      const { store, head } = stored(rows, inMemory);
      const request = {
        kind: "processed" as const,
        series: 1,
        aggregate,
        startUs: NOON_US,
        endUs: NOON_US + 100 * SECOND_US,
        intervalUs: intervalSeconds * SECOND_US,
        first: 0,
        limit: 1000,
        stepped: example.stepped,
        configuration: example.configuration,
        lastUs: rows.t.at(-1) ?? 0,
        knownUntilUs: 0,
        head,
      };
      const run = readProcessed(store, request, (_what, error) => {
        throw error;
      });
      let step = run.next();
      while (step.done !== true) step = run.next();
      const columns = step.value;
      strictEqual(columns.count, Math.ceil(100 / intervalSeconds));
      expected.forEach((text, i) => {
        assertSame(written(columns, i, table), text, `${i * intervalSeconds} s, ${inMemory} rows in memory`);
      });
      store.close();
    }
  });
}
