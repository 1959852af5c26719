import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { messages } from "../messages/messages.ts";
import { Age } from "../parts/age.tsx";
import { format } from "../parts/language.ts";
import { QualityMark } from "../parts/quality_mark.tsx";
import { allTags, go, hrefOf, type Route, route } from "../route.ts";
import { standingOf, type TagCell } from "../tag_cells.ts";
import { rowWindow } from "./row_window.ts";

type TagsRoute = Extract<Route, { page: "tags" }>;

/**
 * The tags as a table of which only the rows in sight are drawn: five thousand tags cost no more than fifty. Arrow keys
 * move between rows, Enter opens one.
 */
export function TagTable({ cells, here }: { readonly cells: readonly TagCell[]; readonly here: TagsRoute }) {
  const words = messages.value.tags;
  const scroller = useRef<HTMLDivElement>(null);
  const view = useSignal({ top: 0, height: 800, rowHeight: 38 });

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const measure = () => {
      const rowHeight = parseFloat(getComputedStyle(element).getPropertyValue("--row")) || 38;
      const { top, height, rowHeight: known } = view.peek();
      if (element.scrollTop === top && element.clientHeight === height && known === rowHeight) return;
      view.value = { top: element.scrollTop, height: element.clientHeight, rowHeight };
    };
    measure();
    element.addEventListener("scroll", measure, { passive: true });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => {
      element.removeEventListener("scroll", measure);
      observer.disconnect();
    };
  }, []);

  // a new choice begins at the top
  useEffect(() => {
    scroller.current?.scrollTo({ top: 0 });
  }, [here.group, here.show, here.search, here.diagnostics]);

  const { top, height, rowHeight } = view.value;
  const { first, last } = rowWindow(cells.length, rowHeight, top, height);
  const withDevice = here.group === null;

  if (cells.length === 0) {
    return (
      <div class="table empty">
        <p>{words.none}</p>
        <p class="hint">{words.noneHint}</p>
        <a href={hrefOf(allTags)}>{words.reset}</a>
      </div>
    );
  }
  return (
    <div
      class={withDevice ? "table with-device" : "table"}
      role="table"
      aria-label={words.table}
      aria-rowcount={cells.length + 1}
    >
      <div role="rowgroup" class="table-head">
        <div role="row" aria-rowindex={1} class="row">
          <span role="columnheader" class="cell-name">{words.columns.name}</span>
          {withDevice && <span role="columnheader" class="cell-device">{words.columns.device}</span>}
          <span role="columnheader" class="cell-value">{words.columns.value}</span>
          <span role="columnheader" class="cell-quality">{words.columns.quality}</span>
          <span role="columnheader" class="cell-age">{words.columns.age}</span>
        </div>
      </div>
      <div role="rowgroup" class="table-body" ref={scroller} tabIndex={-1} onKeyDown={moveBetweenRows}>
        <div class="rows" role="presentation" style={{ height: `${cells.length * rowHeight}px` }}>
          {cells.slice(first, last).map((cell, index) => (
            <TagRow
              key={cell.tag.id}
              cell={cell}
              index={first + index}
              top={(first + index) * rowHeight}
              withDevice={withDevice}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

function TagRow(
  { cell, index, top, withDevice }: {
    readonly cell: TagCell;
    readonly index: number;
    readonly top: number;
    readonly withDevice: boolean;
  },
) {
  const { tag, sample } = cell;
  const { value, quality, sourceMs } = sample.value;
  const here = route.value;
  if (here.page !== "tags") return null;
  const open = here.tag === tag.id;
  const to = { ...here, tag: tag.id };
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      class={`row standing-${standingOf(quality)}${open ? " row-open" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
      onClick={(event) => {
        // the link inside does the same, and keeps its own ways (new tab, copy address)
        if (!(event.target instanceof Element) || event.target.closest("a") === null) go(to);
      }}
    >
      <span role="cell" class="cell-name">
        <a href={hrefOf(to)} data-index={index} aria-current={open ? "true" : undefined}>{tag.name}</a>
      </span>
      {withDevice && <span role="cell" class="cell-device">{tag.device ?? messages.value.tags.gateway}</span>}
      <span role="cell" class="cell-value">
        <ChangingValue text={format.value.value(value)} isText={tag.type === "String"} changedMs={sourceMs} />
        <span class="unit">{tag.unit}</span>
      </span>
      <span role="cell" class="cell-quality">
        <QualityMark code={quality} />
      </span>
      <span role="cell" class="cell-age">
        <Age timeMs={sourceMs} />
      </span>
    </div>
  );
}

/** A value that glows for a moment when a newer one came. */
function ChangingValue(
  { text, isText, changedMs }: { readonly text: string; readonly isText: boolean; readonly changedMs: number | null },
) {
  const element = useRef<HTMLSpanElement>(null);
  const seen = useRef(changedMs);
  useEffect(() => {
    if (seen.current === changedMs) return;
    seen.current = changedMs;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    element.current?.animate([{ backgroundColor: "var(--glow)" }, { backgroundColor: "transparent" }], 900);
  }, [changedMs]);
  return (
    <span class={isText ? "value value-text" : "value"} title={isText ? text : undefined} ref={element}>{text}</span>
  );
}

function moveBetweenRows(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
  const body = event.currentTarget;
  if (step === undefined || !(body instanceof HTMLElement)) return;
  const from = document.activeElement?.getAttribute("data-index");
  if (from === null || from === undefined) return;
  event.preventDefault();
  const rowHeight = parseFloat(getComputedStyle(body).getPropertyValue("--row")) || 38;
  const rows = Math.round((body.firstElementChild?.clientHeight ?? 0) / rowHeight);
  const to = Math.max(0, Math.min(rows - 1, Number(from) + step));
  const top = to * rowHeight;
  if (top < body.scrollTop) body.scrollTop = top;
  else if (top + rowHeight > body.scrollTop + body.clientHeight) body.scrollTop = top + rowHeight - body.clientHeight;
  // the row may be drawn only after the scroll has been seen
  requestAnimationFrame(() =>
    requestAnimationFrame(() =>
      body.querySelector<HTMLElement>(`a[data-index="${to}"]`)?.focus({ preventScroll: true })
    )
  );
}
