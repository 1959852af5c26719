/** Which rows of a long list are drawn. */
export interface RowWindow {
  readonly first: number;
  /** Exclusive. */
  readonly last: number;
}

/** Rows drawn above and below what is seen, so that scrolling shows no gaps. */
const SPARE = 12;

/** The rows to draw for a scroll position. Lengths in px. */
export function rowWindow(rows: number, rowHeight: number, scrollTop: number, viewHeight: number): RowWindow {
  const top = Math.floor(Math.max(0, scrollTop) / rowHeight) - SPARE;
  const first = Math.max(0, Math.min(top, rows - 1));
  const seen = Math.ceil(viewHeight / rowHeight) + 2 * SPARE;
  return { first, last: Math.min(rows, Math.max(0, top) + seen) };
}
