import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { HistoryQueries, RawPage, RawQuery } from "../../history/history.ts";
import { tagId } from "../../tags/tag.ts";
import { BAD_BOUND_NOT_FOUND, beginScan, type RawResult, readPage } from "./raw_scan.ts";

const MINUTE_US = 60_000_000;
const HOUR_5_US = Date.UTC(2026, 0, 1, 5) * 1000;
const TAG = tagId("0000000000000001", "level");

/** Rows at 5:00, 5:02, 5:03, 5:05 and 5:06: the historian of OPC 10000-11 table 1. */
const stored = [0, 2, 3, 5, 6].map((minute) => HOUR_5_US + minute * MINUTE_US);

const queries: HistoryQueries = {
  readRaw({ fromUs, toUs, direction, limit, after }: RawQuery): Promise<RawPage> {
    const forward = direction === "forward";
    const rows = (forward ? stored : stored.toReversed()).filter((timeUs) =>
      (fromUs === null || timeUs >= fromUs) && (toUs === null || timeUs <= toUs) &&
      (after === undefined || (forward ? timeUs > after.timeUs : timeUs < after.timeUs))
    );
    const page = rows.slice(0, limit);
    return Promise.resolve({
      count: page.length,
      timesUs: Float64Array.from(page),
      serverTimesUs: Float64Array.from(page),
      qualities: new Uint32Array(page.length),
      flags: new Uint8Array(page.length),
      values: Float64Array.from(page, (timeUs) => (timeUs - HOUR_5_US) / MINUTE_US),
      next: rows.length > limit ? { timeUs: page.at(-1) ?? 0 } : null,
    });
  },
  readBuckets: () => Promise.reject(new Error("not used")),
  readProcessed: () => Promise.reject(new Error("not used")),
  readAtTime: () => Promise.reject(new Error("not used")),
  backup: () => Promise.reject(new Error("not used")),
};

function timeOf(text: string): number | null {
  if (text === "-") return null;
  const [hours, minutes] = text.split(":").map(Number);
  return HOUR_5_US + ((hours ?? 0) - 5) * 60 * MINUTE_US + (minutes ?? 0) * MINUTE_US;
}

/** `5:02`, or `none@5:07` for a bound that was not found. */
function written({ value, quality, timeUs }: { value: unknown; quality: number; timeUs: number }): string {
  const seconds = Math.round((timeUs - HOUR_5_US) / 1_000_000) + 5 * 3600;
  const clock = `${Math.floor(seconds / 3600)}:${String(Math.floor(seconds / 60) % 60).padStart(2, "0")}`;
  const text = seconds % 60 === 0 ? clock : `${clock}:${String(seconds % 60).padStart(2, "0")}`;
  if (quality === BAD_BOUND_NOT_FOUND) {
    strictEqual(value, null);
    return `none@${text}`;
  }
  return text;
}

function rowsOf({ parts }: RawResult) {
  return parts.flatMap(({ count, timesUs, qualities, values }) =>
    Array.from({ length: count }, (_, i) => ({ value: values[i], quality: qualities[i] ?? 0, timeUs: timesUs[i] ?? 0 }))
  );
}

async function all(start: string, end: string, count: number, bounds: boolean, cap = 1000): Promise<string> {
  let scan = beginScan(TAG, { startUs: timeOf(start), endUs: timeOf(end), count, bounds });
  ok(scan !== null);
  const rows: string[] = [];
  for (let pages = 0; scan !== null; pages++) {
    ok(pages < 50, "the scan does not end");
    const page: Awaited<ReturnType<typeof readPage>> = await readPage(scan, cap, queries);
    const read = rowsOf(page);
    ok(read.length <= cap);
    rows.push(...read.map(written));
    scan = page.next;
  }
  return rows.join(" ");
}

async function firstPage(start: string, end: string, count: number, bounds: boolean): Promise<string> {
  const scan = beginScan(TAG, { startUs: timeOf(start), endUs: timeOf(end), count, bounds });
  ok(scan !== null);
  const page = await readPage(scan, 1000, queries);
  return rowsOf(page).map(written).join(" ") + (page.next === null ? "" : " …");
}

const closed: readonly [start: string, end: string, bounds: boolean, expected: string][] = [
  ["5:00", "5:05", true, "5:00 5:02 5:03 5:05"],
  ["5:00", "5:05", false, "5:00 5:02 5:03"],
  ["5:01", "5:04", true, "5:00 5:02 5:03 5:05"],
  ["5:01", "5:04", false, "5:02 5:03"],
  ["5:05", "5:00", true, "5:05 5:03 5:02 5:00"],
  ["5:05", "5:00", false, "5:05 5:03 5:02"],
  ["5:04", "5:01", true, "5:05 5:03 5:02 5:00"],
  ["5:04", "5:01", false, "5:03 5:02"],
  ["4:59", "5:05", true, "none@4:59 5:00 5:02 5:03 5:05"],
  ["4:59", "5:05", false, "5:00 5:02 5:03"],
  ["5:01", "5:07", true, "5:00 5:02 5:03 5:05 5:06 none@5:07"],
  ["5:01", "5:07", false, "5:02 5:03 5:05 5:06"],
  ["5:07", "5:01", true, "none@5:07 5:06 5:05 5:03 5:02 5:00"],
  ["5:07", "5:01", false, "5:06 5:05 5:03 5:02"],
  ["4:59", "4:59", true, "none@4:59 5:00"],
  ["4:59", "4:59", false, ""],
  ["5:00", "5:00", true, "5:00 5:02"],
  ["5:00", "5:00", false, "5:00"],
  ["5:01", "5:01", true, "5:00 5:02"],
  ["5:01", "5:01", false, ""],
  ["5:06", "5:06", true, "5:06 none@5:06"],
  ["5:07", "5:07", true, "5:06 none@5:07"],
  ["4:50", "4:55", false, ""],
];

Deno.test("a closed interval gives the values of the standard's table, whatever the page size", async () => {
  for (const [start, end, bounds, expected] of closed) {
    for (const cap of [1000, 3, 2, 1]) {
      strictEqual(await all(start, end, 0, bounds, cap), expected, `${start} ${end} bounds ${bounds} cap ${cap}`);
    }
  }
});

Deno.test("with both ends given the count is the size of a page", async () => {
  strictEqual(await firstPage("5:00", "5:05", 3, true), "5:00 5:02 5:03 …");
  strictEqual(await firstPage("5:00", "5:05", 3, false), "5:00 5:02 5:03");
  strictEqual(await firstPage("5:01", "5:04", 3, true), "5:00 5:02 5:03 …");
  strictEqual(await firstPage("5:05", "5:00", 3, true), "5:05 5:03 5:02 …");
  strictEqual(await firstPage("5:05", "5:00", 1, true), "5:05 …");
  strictEqual(await all("5:00", "5:05", 1, true), "5:00 5:02 5:03 5:05");
});

Deno.test("with one end open the count is the total", async () => {
  for (const cap of [1000, 2, 1]) {
    strictEqual(await all("5:00", "-", 3, true, cap), "5:00 5:02 5:03");
    strictEqual(await all("5:00", "-", 3, false, cap), "5:00 5:02 5:03");
    strictEqual(await all("5:00", "-", 6, true, cap), "5:00 5:02 5:03 5:05 5:06 none@5:06:01");
    strictEqual(await all("5:00", "-", 6, false, cap), "5:00 5:02 5:03 5:05 5:06");
    strictEqual(await all("5:07", "-", 6, true, cap), "5:06 none@5:06:01");
    strictEqual(await all("5:07", "-", 6, false, cap), "");
    strictEqual(await all("-", "5:06", 3, true, cap), "5:06 5:05 5:03");
    strictEqual(await all("-", "5:06", 3, false, cap), "5:06 5:05 5:03");
    strictEqual(await all("-", "5:06", 6, true, cap), "5:06 5:05 5:03 5:02 5:00 none@4:59:59");
    strictEqual(await all("-", "5:06", 6, false, cap), "5:06 5:05 5:03 5:02 5:00");
    strictEqual(await all("-", "4:48", 6, true, cap), "5:00 none@4:59:59");
    strictEqual(await all("-", "4:48", 6, false, cap), "");
  }
});

Deno.test("fewer than two of start, end and count is no time domain", () => {
  const base = { bounds: false };
  strictEqual(beginScan(TAG, { ...base, startUs: null, endUs: null, count: 0 }), null);
  strictEqual(beginScan(TAG, { ...base, startUs: null, endUs: null, count: 5 }), null);
  strictEqual(beginScan(TAG, { ...base, startUs: 1, endUs: null, count: 0 }), null);
  strictEqual(beginScan(TAG, { ...base, startUs: null, endUs: 1, count: 0 }), null);
});

Deno.test("a page that ends exactly with the last row has no continuation", async () => {
  const scan = beginScan(TAG, { startUs: timeOf("5:00"), endUs: timeOf("5:05"), count: 0, bounds: false });
  ok(scan !== null);
  const page = await readPage(scan, 3, queries);
  deepStrictEqual([rowsOf(page).length, page.next, page.found], [3, null, true]);
});
