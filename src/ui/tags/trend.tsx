import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { RawSampleAnswer } from "../../web/api_schema.ts";
import { csvHref, readBuckets, readRaw } from "../api_client.ts";
import { gatewayNowMs, nowMs } from "../clock.ts";
import { linkState } from "../gateway_state.ts";
import { messages } from "../messages/messages.ts";
import { format } from "../parts/language.ts";
import { QualityShape, qualityWords } from "../parts/quality_mark.tsx";
import { standingOf, type TagCell } from "../tag_cells.ts";
import { TrendChart } from "./trend_chart.tsx";
import {
  bucketSecondsFor,
  changesOf,
  type TrendData,
  trendExtremes,
  trendOfBuckets,
  trendOfSamples,
} from "./trend_data.ts";

const ranges = { hour: 3_600_000, sixHours: 21_600_000, day: 86_400_000, week: 604_800_000 } as const;
type Range = keyof typeof ranges;

/** So many samples are drawn one by one; beyond, buckets are. */
const MOST_SAMPLES = 1_500;
const MOST_BUCKETS = 360;
/** Of a text, so many samples are read and so many changes shown. */
const TEXTS_READ = 500;
const CHANGES_SHOWN = 30;
/** A trend of buckets is read anew after this time, ms. */
const REFRESH_MS = 30_000;

type Content =
  | { readonly kind: "loading" }
  | { readonly kind: "failed" }
  | { readonly kind: "samples"; readonly samples: readonly RawSampleAnswer[] }
  | { readonly kind: "buckets"; readonly data: TrendData; readonly bucketSeconds: number };

const chosen: { range: Range } = { range: "sixHours" };

/** The last hours of a tag from history, going on live. */
export function Trend({ cell }: { readonly cell: TagCell }) {
  const { tag } = cell;
  const range = useSignal<Range>(chosen.range);
  const content = useSignal<Content>({ kind: "loading" });
  const reading = useSignal<{ readonly time: number; readonly value: number | null } | null>(null);
  const words = messages.value.detail;
  const rangeMs = ranges[range.value];
  const isText = tag.type === "String";
  const live = linkState.value !== "lost";

  useEffect(() => {
    if (!tag.stored) return;
    const ended = new AbortController();
    content.value = { kind: "loading" };
    const load = () =>
      readContent(tag.id, isText, rangeMs, ended.signal).then((read) => content.value = read).catch(() => {
        if (!ended.signal.aborted && content.peek().kind === "loading") content.value = { kind: "failed" };
      });
    load();
    const timer = setInterval(() => {
      if (content.peek().kind !== "samples") load();
    }, REFRESH_MS);
    return () => {
      ended.abort();
      clearInterval(timer);
    };
  }, [tag.id, tag.stored, isText, rangeMs, live]);

  // single samples go on with what the live stream brings
  const { value, quality, sourceMs, serverMs } = cell.sample.value;
  useEffect(() => {
    const now = content.peek();
    if (now.kind !== "samples" || sourceMs === null) return;
    const newest = now.samples.at(-1);
    const aged = newest !== undefined && Date.parse(newest.sourceTime) === sourceMs;
    if (aged && newest.quality === quality) return;
    const timeMs = aged ? serverMs : sourceMs;
    if (newest !== undefined && timeMs <= Date.parse(newest.sourceTime)) return;
    const time = new Date(timeMs).toISOString();
    const sample = {
      sourceTime: time,
      serverTime: time,
      value,
      quality,
      serverMade: aged,
      backfill: false,
      counterReset: false,
    };
    content.value = { kind: "samples", samples: [...now.samples.slice(-MOST_SAMPLES), sample] };
  }, [value, quality, sourceMs]);

  if (!tag.stored) return <p class="hint">{words.notStored}</p>;
  return (
    <section class="trend" aria-labelledby="trend-heading">
      <div class="trend-head">
        <h3 id="trend-heading">{words.trend}</h3>
        <div class="segments" role="group" aria-label={words.range}>
          {(Object.keys(ranges) as Range[]).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={range.value === name}
              onClick={() => {
                chosen.range = name;
                range.value = name;
              }}
            >
              {words.ranges[name]}
            </button>
          ))}
        </div>
      </div>
      <TrendBody cell={cell} content={content.value} rangeMs={rangeMs} onRead={(at) => reading.value = at} />
      <div class="trend-foot">
        <p class="reading">
          {reading.value !== null && (
            <>
              <time>{format.value.time(reading.value.time * 1000, nowMs.value)}</time>
              <strong>{readingText(cell, reading.value.value)}</strong>
            </>
          )}
          {reading.value === null && content.value.kind === "buckets" &&
            words.buckets(format.value.span(content.value.bucketSeconds * 1000))}
        </p>
        <a class="download" href={csvHref(tag.id, gatewayNowMs() - rangeMs)} download="">{words.csv}</a>
      </div>
    </section>
  );
}

function TrendBody(
  { cell, content, rangeMs, onRead }: {
    readonly cell: TagCell;
    readonly content: Content;
    readonly rangeMs: number;
    readonly onRead: (reading: { readonly time: number; readonly value: number | null } | null) => void;
  },
) {
  const words = messages.value.detail;
  const { tag } = cell;
  if (content.kind === "loading") return <p class="chart chart-note">{words.loading}…</p>;
  if (content.kind === "failed") return <p class="chart chart-note">{words.failed}</p>;
  if (content.kind === "samples" && tag.type === "String") return <Changes samples={content.samples} />;
  const data = content.kind === "buckets"
    ? content.data
    : trendOfSamples(content.samples, nowMs.value / 1000, tag.type === "Bool");
  const extremes = trendExtremes(data);
  if (extremes === null) return <p class="chart chart-note">{words.noData}</p>;
  const text = (number: number) => readingText(cell, number);
  return (
    <TrendChart
      data={data}
      rangeMs={rangeMs}
      unit={tag.unit}
      stepped={tag.type === "Bool" && content.kind === "samples"}
      isBool={tag.type === "Bool"}
      summary={words.trendSummary(tag.name, text(extremes.low), text(extremes.high), text(extremes.last))}
      onRead={onRead}
    />
  );
}

function Changes({ samples }: { readonly samples: readonly RawSampleAnswer[] }) {
  const { value, time } = format.value;
  const newest = changesOf(samples).slice(-CHANGES_SHOWN).reverse();
  if (newest.length === 0) return <p class="hint">{messages.value.detail.noData}</p>;
  return (
    <ol class="changes" aria-label={messages.value.detail.changes}>
      {newest.map((sample) => (
        <li key={sample.sourceTime}>
          <time dateTime={sample.sourceTime}>{time(Date.parse(sample.sourceTime), nowMs.value)}</time>
          <QualityShape standing={standingOf(sample.quality)} />
          <span title={qualityWords(sample.quality).cause}>{value(sample.value)}</span>
        </li>
      ))}
    </ol>
  );
}

async function readContent(tag: string, isText: boolean, rangeMs: number, signal: AbortSignal): Promise<Content> {
  const toMs = gatewayNowMs();
  const fromMs = toMs - rangeMs;
  const limit = isText ? TEXTS_READ : MOST_SAMPLES;
  const raw = await readRaw({ tag, fromMs, toMs, limit }, signal);
  if (raw.next === null || isText) return { kind: "samples", samples: raw.samples.toReversed() };
  const bucketSeconds = bucketSecondsFor(rangeMs, MOST_BUCKETS);
  const buckets = await readBuckets({ tag, fromMs, toMs, bucketSeconds }, signal);
  return { kind: "buckets", data: trendOfBuckets(buckets), bucketSeconds };
}

function readingText({ tag }: TagCell, value: number | null): string {
  if (value === null) return messages.value.values.none;
  const text = tag.type === "Bool" && (value === 0 || value === 1)
    ? format.value.value(value === 1)
    : format.value.value(Number(value.toPrecision(7)));
  return tag.unit === "" ? text : `${text} ${tag.unit}`;
}
