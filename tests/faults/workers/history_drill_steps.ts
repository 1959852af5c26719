/** What the killed writer of the history drill stores: every row follows from the number of its step. */
import { RowFlag } from "../../../src/history/history.ts";
import { Quality, type QualityCode } from "../../../src/tags/quality.ts";
import { type Tag, type TagUpdate, tagUpdate, type Value } from "../../../src/tags/tag.ts";
import { historyTag, SECOND_US, T0 } from "../../lib/history_fixture.ts";

const STEP_US = 10 * SECOND_US;
const STALE_US = 15 * SECOND_US;
/** A late sample is so many steps old: it lies among rows that may be packed already. */
const LATE_STEPS = 40.5;
/** The tag that grows stale gets a sample each so many steps. */
const SPARSE_STEPS = 4;
/** The change-only value stays the same for so many steps. */
const SAME_STEPS = 5;

export const definitions = [
  historyTag({ name: "float" }),
  historyTag({ name: "int", type: "Int", dataType: "Int64" }),
  historyTag({ name: "text", type: "String", dataType: "String" }),
  historyTag({ name: "bool", type: "Bool", dataType: "Boolean" }),
  historyTag({ name: "state", type: "Int", dataType: "Int32", changeOnly: true, maxIntervalMs: 1e12 }),
  historyTag({ name: "sparse", group: "0000000000000002", staleAfterMs: STALE_US / 1000 }),
];

/** A row as a reader sees it. */
export interface DrillRow {
  readonly timeUs: number;
  readonly serverUs: number;
  readonly quality: QualityCode;
  readonly flags: number;
  readonly value: number | string;
}

/** The clock at a step; the sample's own time is a little earlier. */
export function clockAt(step: number): number {
  return timeAt(step) + 1000 + step % 977;
}

function timeAt(step: number): number {
  return T0 + step * STEP_US;
}

function qualityAt(step: number): QualityCode {
  return step % 7 === 0 ? Quality.BadSensorFailure : step % 5 === 0 ? Quality.GoodCalculated : Quality.Good;
}

function valueAt(name: string, step: number): Value {
  switch (name) {
    case "float":
    case "sparse":
      return Math.sin(step) * 1000;
    case "int":
      return step * 1_000_003 - 5e9;
    case "text":
      return `état ${step} `.repeat(1 + step % 20);
    case "bool":
      return step % 3 === 0;
    default:
      return Math.floor(step / SAME_STEPS) % 2;
  }
}

/** The samples of a step, in the order in which a source gives them. */
export function samplesOf(step: number, tag: (name: string) => Tag): TagUpdate[] {
  const names = ["float", "int", "text", "bool", "state", ...(step % SPARSE_STEPS === 0 ? ["sparse"] : [])];
  const samples = names.map((name) =>
    tagUpdate(tag(name), valueAt(name, step), timeAt(step), name === "float" ? qualityAt(step) : Quality.Good)
  );
  const late = step - LATE_STEPS;
  return [...samples, tagUpdate(tag("float"), valueAt("float", late), timeAt(late))];
}

/** The row of a step; `null` when this tag has none there. */
function rowAt(name: string, step: number): DrillRow | null {
  if (name === "sparse" && step % SPARSE_STEPS !== 0) return null;
  return {
    timeUs: timeAt(step),
    serverUs: clockAt(step),
    quality: name === "float" ? qualityAt(step) : Quality.Good,
    flags: 0,
    value: stored(valueAt(name, step)),
  };
}

/** The rows that must be there of `tag` when a life that began with step `first` has stored all up to `last`. */
export function* rowsOf(name: string, first: number, last: number): Generator<DrillRow> {
  for (let step = first; step <= last; step++) {
    // whether the first value of a life is a change depends on what the killed life before had stored
    if (name === "state" && (step === first || step % SAME_STEPS !== 0)) continue;
    const row = rowAt(name, step);
    if (row !== null) yield row;
    if (name === "float") yield lateRowOf(step);
    // two steps later the sweep found the value stale
    if (name === "sparse" && step % SPARSE_STEPS === 2 && step - 2 >= first) yield staleRowOf(step - 2);
  }
}

/** What a row of `tag` with this time must be; `null` when no step makes one. */
export function rowWithTime(name: string, timeUs: number): DrillRow | null {
  const step = (timeUs - T0) / STEP_US;
  if (Number.isInteger(step)) return rowAt(name, step);
  if (name === "float" && Number.isInteger(step + LATE_STEPS)) return lateRowOf(step + LATE_STEPS);
  const sampled = (timeUs - STALE_US - T0) / STEP_US;
  return name === "sparse" && Number.isInteger(sampled / SPARSE_STEPS) ? staleRowOf(sampled) : null;
}

/** The step that made a row. */
export function stepOf(row: DrillRow): number {
  return Math.floor((row.serverUs - T0) / STEP_US);
}

function lateRowOf(step: number): DrillRow {
  const late = step - LATE_STEPS;
  return {
    timeUs: timeAt(late),
    serverUs: clockAt(step),
    quality: Quality.Good,
    flags: RowFlag.Backfill,
    value: stored(valueAt("float", late)),
  };
}

function staleRowOf(sampled: number): DrillRow {
  return {
    timeUs: timeAt(sampled) + STALE_US,
    serverUs: clockAt(sampled + 2),
    quality: Quality.UncertainLastUsableValue,
    flags: RowFlag.ServerMade,
    value: stored(valueAt("sparse", sampled)),
  };
}

function stored(value: Value): number | string {
  return typeof value === "string" ? value : Number(value);
}
