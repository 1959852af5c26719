import { visible } from "../visible.ts";

/** What one picture of the gateway is made of: results of `status`, `tags.list` and `events.tail`. */
export interface Snapshot {
  readonly status: StatusView;
  readonly tags: readonly TagView[];
  /** All tags, of which `tags` may be a part. */
  readonly tagCount: number;
  /** Oldest first. */
  readonly events: readonly EventView[];
}

export interface StatusView {
  readonly name: string;
  readonly site: string;
  readonly version: string;
  readonly now: string;
  readonly verdict: string;
  readonly summary: string;
  readonly faults: readonly { readonly title: string; readonly subject: string; readonly detail: string }[];
  readonly sources: readonly {
    readonly name: string;
    readonly mode: string;
    readonly address: string;
    readonly state: string;
    readonly devices: number;
    readonly devicesStreaming: number;
    readonly lastEvent: string | null;
  }[];
  readonly tags: {
    readonly total: number;
    readonly good: number;
    readonly uncertain: number;
    readonly bad: number;
    readonly waiting: number;
    readonly samplesPerSecond: number;
  };
  readonly opcua: {
    readonly endpoints: readonly string[];
    readonly sessions: number;
    readonly maxSessions: number;
    readonly monitoredItems: number;
  } | null;
  readonly history: { readonly fileBytes: number; readonly rowsWritten: number; readonly rowsPending: number };
  readonly debugOpen?: boolean;
  readonly debugOpenUntil?: string | null;
  readonly forced?: number;
  /** Of a gateway that has alarms. */
  readonly alarms?: { readonly active: number; readonly unacknowledged: number };
}

export interface TagView {
  readonly id: string;
  readonly value: boolean | number | string | null;
  readonly unit: string;
  readonly quality: { readonly name: string; readonly severity: string };
  readonly sourceTime: string | null;
}

export interface EventView {
  readonly time: string;
  readonly level: string;
  readonly subject: string;
  readonly text: string;
}

/** How large the picture may be and how it looks. */
export interface FrameShape {
  readonly columns: number;
  /** `null`: as many as it takes. */
  readonly rows: number | null;
  /** First tag shown. */
  readonly offset: number;
  readonly colour: boolean;
  /** A line about the connection, at the top; `null` when all is well. */
  readonly notice: string | null;
  /** Whether keys scroll; then the last line says which. */
  readonly keys: boolean;
}

/** A picture as lines, and how many tags it has room for. */
export interface Frame {
  readonly lines: readonly string[];
  readonly tagRows: number;
}

type Look = "good" | "warn" | "bad" | "dim" | "bold";
const looks: Readonly<Record<Look, string>> = { good: "32", warn: "33", bad: "31", dim: "2", bold: "1" };
const marks: Readonly<Record<string, readonly [string, Look]>> = {
  ok: ["OK", "good"],
  attention: ["ATTENTION", "warn"],
  failed: ["FAILED", "bad"],
  not_set_up: ["NOT SET UP", "warn"],
};
const MOST_FAULTS = 5;
const MOST_EVENTS = 6;
const LEAST_TAG_ROWS = 3;

/** Pure: the picture of a gateway. Without a snapshot it says that there is none yet. */
export function statusFrame(snapshot: Snapshot | null, shape: FrameShape): Frame {
  const { columns, rows, notice } = shape;
  const cut = (line: readonly Part[]) => render(line, columns, shape.colour);
  const top: string[] = notice === null ? [] : [cut([[notice, "bad"]])];
  if (snapshot === null) return { lines: [...top, ...notice === null ? ["Connecting…"] : []], tagRows: LEAST_TAG_ROWS };
  const { status, tags, tagCount, events } = snapshot;
  const nowMs = Date.parse(status.now);
  const head = [...top, ...headLines(status, nowMs).map(cut), ...faultLines(status).map(cut)];
  const tail = [
    ...eventLines(events, rows === null ? MOST_EVENTS : Math.min(MOST_EVENTS, Math.max(1, rows - head.length - 8))).map(
      cut,
    ),
    ...shape.keys ? [cut([["↑ ↓ PgUp PgDn scroll   q quit", "dim"]])] : [],
  ];
  const tagRows = rows === null ? tags.length : Math.max(LEAST_TAG_ROWS, rows - head.length - tail.length - 2);
  const offset = Math.max(0, Math.min(shape.offset, tags.length - tagRows));
  const shown = tags.slice(offset, offset + tagRows);
  const lines = [...head, ...tagLines(shown, offset, tagCount, nowMs).map(cut), ...tail];
  return { lines: rows === null ? lines : lines.slice(0, rows), tagRows };
}

type Part = readonly [text: string, look?: Look];

function headLines(status: StatusView, nowMs: number): Part[][] {
  const [word, look] = marks[status.verdict] ?? [status.verdict, "warn"];
  const site = status.site === "" ? "" : ` · ${status.site}`;
  const { tags, opcua, history } = status;
  const lines: Part[][] = [
    [[`${status.name}${site}`, "bold"], [` · edgekeep ${status.version} · ${status.now.slice(0, 19)}Z`, "dim"]],
    [[word, look], [`  ${status.summary}`]],
  ];
  for (const { name, mode, address, state, devices, devicesStreaming, lastEvent } of status.sources) {
    const event = lastEvent === null ? "no event yet" : `last event ${age(lastEvent, nowMs)} ago`;
    const streaming = mode === "stream" ? `${devicesStreaming} of ${devices} devices streaming` : `${devices} devices`;
    const good = state === "connected" ? "good" : state === "connecting" || state === "degraded" ? "warn" : "bad";
    lines.push([["Source   "], [`${name} ${state}`, good], [`  ${streaming}, ${event}  ${mode} ${address}`]]);
  }
  const server = opcua === null
    ? "not running"
    : `${opcua.sessions} of ${opcua.maxSessions} sessions, ${opcua.monitoredItems} items  ${opcua.endpoints.join(" ")}`;
  lines.push([[`OPC UA   ${server}`]]);
  lines.push([[
    `Tags     ${tags.total}: ${tags.good} good, ${tags.uncertain} uncertain, ${tags.bad} bad, ${tags.waiting} waiting, ` +
    `${tags.samplesPerSecond.toFixed(1)} samples/s`,
  ]]);
  const megabytes = (history.fileBytes / 1e6).toFixed(1);
  lines.push([[`History  ${megabytes} MB, ${history.rowsWritten} rows, ${history.rowsPending} waiting`]]);
  if (status.alarms !== undefined) {
    const { active, unacknowledged } = status.alarms;
    lines.push([[`Alarms   ${active} active, ${unacknowledged} not acknowledged`, active > 0 ? "bad" : undefined]]);
  }
  if (status.debugOpen === true) {
    const until = status.debugOpenUntil === null || status.debugOpenUntil === undefined
      ? "by the configuration"
      : `until ${status.debugOpenUntil.slice(0, 19)}Z`;
    lines.push([[`Debug operations are open ${until}`, "warn"]]);
  }
  if ((status.forced ?? 0) > 0) lines.push([[`${status.forced} values are forced`, "warn"]]);
  return lines;
}

function faultLines({ faults }: StatusView): Part[][] {
  const more = faults.length - MOST_FAULTS;
  return [
    ...faults.slice(0, MOST_FAULTS).map(({ title, subject, detail }): Part[] => [
      ["! ", "bad"],
      [title, "bold"],
      [`${subject === "" ? "" : ` (${subject})`}: ${detail}`],
    ]),
    ...more > 0 ? [[[`  and ${more} more faults`]] as Part[]] : [],
  ];
}

function tagLines(tags: readonly TagView[], offset: number, total: number, nowMs: number): Part[][] {
  if (total === 0) return [[[""]], [["No tags are configured", "dim"]]];
  const width = Math.max(12, ...tags.map(({ id }) => id.length));
  return [
    [[""]],
    [[
      `${`TAG ${offset + 1}–${offset + tags.length} of ${total}`.padEnd(width)}  ${"VALUE".padStart(14)}  QUALITY`,
      "dim",
    ]],
    ...tags.map(({ id, value, unit, quality, sourceTime }): Part[] => [
      [`${id.padEnd(width)}  ${valueText(value).padStart(14)} ${unit.padEnd(8)} `],
      [quality.name, quality.severity === "good" ? "good" : quality.severity === "uncertain" ? "warn" : "bad"],
      [sourceTime === null ? "" : `  ${age(sourceTime, nowMs)}`, "dim"],
    ]),
  ];
}

function eventLines(events: readonly EventView[], most: number): Part[][] {
  if (events.length === 0) return [];
  return [
    [[""]],
    ...events.slice(-most).map(({ time, level, subject, text }): Part[] => [
      [`${time.slice(11, 19)}  `, "dim"],
      [
        `${subject === "" ? "" : `${subject}: `}${text}`,
        level === "error" ? "bad" : level === "warning" ? "warn" : undefined,
      ],
    ]),
  ];
}

function valueText(value: TagView["value"]): string {
  if (value === null) return "-";
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(7)));
  return String(value);
}

/** Time since, in the largest unit that fits. */
function age(time: string, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(time)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** The line no wider than the terminal, without control characters of its own making. */
function render(parts: readonly Part[], columns: number, colour: boolean): string {
  let left = columns;
  let line = "";
  for (const [text, look] of parts) {
    const signs = [...visible(text)];
    const fits = signs.length <= left ? signs.join("") : `${signs.slice(0, Math.max(0, left - 1)).join("")}…`;
    if (left > 0) line += colour && look !== undefined ? `\x1b[${looks[look]}m${fits}\x1b[0m` : fits;
    left -= signs.length;
    if (left <= 0) break;
  }
  return line;
}
