import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { gatewayNowMs } from "../clock.ts";
import type { Formatter } from "../format.ts";
import { isDark, language } from "../preferences.ts";
import { format } from "../parts/language.ts";
import type { TrendData } from "./trend_data.ts";

const HEIGHT = 220;

/** What the chart shows beside its data. */
export interface TrendChartProps {
  readonly data: TrendData;
  readonly rangeMs: number;
  readonly unit: string;
  /** Values hold until the next one: drawn as steps. */
  readonly stepped: boolean;
  readonly isBool: boolean;
  readonly summary: string;
  /** Told which time the pointer is at, s, and the value there; `null` when it left. */
  readonly onRead: (reading: { readonly time: number; readonly value: number | null } | null) => void;
}

/** The trend, drawn on a canvas; its summary in words is what a screen reader gets. */
export function TrendChart(props: TrendChartProps) {
  const { data, rangeMs, summary } = props;
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const dark = isDark.value;
  const locale = language.value;
  const hasBand = data.band !== null;

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const plot = new uPlot(options(element, latest, hasBand, format.peek()), columns(latest.current.data), element);
    chart.current = plot;
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
      chart.current = null;
    };
  }, [dark, locale, hasBand, rangeMs, props.stepped, props.isBool, props.unit]);

  useEffect(() => {
    chart.current?.setData(columns(data));
  }, [data]);

  return <div class="chart" ref={place} role="img" aria-label={summary} />;
}

function columns({ times, values, band }: TrendData): uPlot.AlignedData {
  const lines: (readonly (number | null)[])[] = band === null ? [values] : [values, band.high, band.low];
  return [times as number[], ...lines.map((line) => line as (number | null)[])];
}

function options(
  element: HTMLElement,
  latest: { readonly current: TrendChartProps },
  hasBand: boolean,
  words: Formatter,
): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const font = `12px ${style.fontFamily}`;
  const { stepped, isBool, rangeMs } = latest.current;
  const axis = {
    stroke: color("--muted"),
    font,
    grid: { stroke: color("--line-soft"), width: 1 },
    ticks: { show: false },
  };
  const steppedPaths = uPlot.paths.stepped?.({ align: 1 });
  const line: uPlot.Series = {
    stroke: color("--trend"),
    width: 1.75,
    points: { show: (plot) => !stepped && (plot.data[0]?.length ?? 0) < 80, size: 4.5, fill: color("--trend") },
    ...(stepped && steppedPaths !== undefined ? { paths: steppedPaths } : {}),
  };
  const edge: uPlot.Series = { stroke: "transparent", points: { show: false } };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [10, 22, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
    scales: {
      x: {
        range: () => {
          const to = gatewayNowMs() / 1000;
          return [to - rangeMs / 1000, to];
        },
      },
      y: { range: (_, low, high) => verticalRange(low, high, isBool) },
    },
    axes: [
      { ...axis, space: 64, size: 30, values: (_, splits) => splits.map((time) => timeLabel(time, rangeMs)) },
      {
        ...axis,
        size: (_, labels) => 14 + Math.max(24, ...(labels ?? []).map((label) => label.length * 7)),
        values: (_, splits) =>
          splits.map((value) =>
            isBool ? (value === 0 || value === 1 ? words.value(value === 1) : "") : words.value(round(value))
          ),
        ...(isBool ? { splits: () => [0, 1] } : {}),
      },
    ],
    series: hasBand ? [{}, line, edge, edge] : [{}, line],
    ...(hasBand ? { bands: [{ series: [2, 3], fill: color("--trend-band") }] } : {}),
    hooks: {
      drawClear: [(plot) => drawSpans(plot, latest.current.data, color)],
      setCursor: [(plot) => {
        const { idx } = plot.cursor;
        const time = idx === null || idx === undefined ? undefined : plot.data[0]?.[idx];
        const value = idx === null || idx === undefined ? null : plot.data[1]?.[idx] ?? null;
        latest.current.onRead(time === undefined ? null : { time, value });
      }],
    },
  };
}

/** Shades the times in which the quality was not good. */
function drawSpans(plot: uPlot, { spans }: TrendData, color: (name: string) => string): void {
  const { left, top, width, height } = plot.bbox;
  plot.ctx.save();
  plot.ctx.beginPath();
  plot.ctx.rect(left, top, width, height);
  plot.ctx.clip();
  for (const { from, to, severity } of spans) {
    const x = plot.valToPos(from, "x", true);
    plot.ctx.fillStyle = color(severity === "bad" ? "--span-bad" : "--span-uncertain");
    plot.ctx.fillRect(x, top, Math.max(2, plot.valToPos(to, "x", true) - x), height);
  }
  plot.ctx.restore();
}

function verticalRange(low: number | null, high: number | null, isBool: boolean): [number, number] {
  if (isBool) return [-0.15, 1.15];
  if (low === null || high === null) return [0, 1];
  const room = low === high ? Math.max(1, Math.abs(low) * 0.05) : (high - low) * 0.08;
  return [low - room, high + room];
}

function timeLabel(time: number, rangeMs: number): string {
  const date = new Date(time * 1000);
  const days = rangeMs > 86_400_000;
  const midnight = date.getHours() === 0 && date.getMinutes() === 0;
  return new Intl.DateTimeFormat(
    language.peek() === "en" ? "en-GB" : language.peek(),
    days || midnight ? { weekday: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", hour12: false },
  ).format(date);
}

/** Axis steps come with binary dust: 0.30000000000000004. */
function round(value: number): number {
  return Number(value.toPrecision(10));
}
