import { encodeBlock } from "./block_codec.ts";
import type { Rows } from "./rows.ts";

/**
 * The largest block that fits one 4096-byte page of SQLite as a single cell: a table leaf keeps at most 4061 bytes of
 * a record in the page (SQLite file format §1.6), of which the other columns and the record's header take up to 29.
 * One block a page means one read a block, no overflow chains, and a freed page that fits the next block exactly.
 */
export const MAX_BLOCK_BYTES = 4032;

/** A block at least this full is left as it is; the next rows begin a new one. */
export const FULL_BLOCK_BYTES = Math.floor(MAX_BLOCK_BYTES * 0.94);

/** Rows `from … to)` as one block. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Rows of the first try; later ones begin with what fitted before. */
const FIRST_TRY = 1024;

/** Packs rows into as few blocks as fit a page each. A single row that is larger than a page gets a block to itself. */
export function piecesOf(rows: Rows): Piece[] {
  const pieces: Piece[] = [];
  const count = rows.t.length;
  let rowsToTry = FIRST_TRY;
  for (let from = 0; from < count;) {
    const piece = fittingPiece(rows, from, count, rowsToTry);
    pieces.push(piece);
    rowsToTry = piece.to - from;
    from = piece.to;
  }
  return pieces;
}

function fittingPiece(rows: Rows, from: number, end: number, rowsToTry: number): Piece {
  let best: Piece | null = null;
  let tooMany = end + 1;
  let to = Math.min(end, from + rowsToTry);
  // the size grows nearly in step with the rows: a few guesses by proportion come close enough
  for (let guess = 0;; guess++) {
    const data = encodeBlock(rows, from, to);
    if (data.length > MAX_BLOCK_BYTES) {
      tooMany = to;
    } else {
      best = { from, to, data };
      if (to === end || data.length >= MAX_BLOCK_BYTES * 0.96 || guess >= 6) return best;
    }
    const least: number = (best?.to ?? from) + 1;
    // one row more is too many, or this row alone is too large
    if (least >= tooMany) return best ?? { from, to: from + 1, data };
    const aim = from + Math.floor((to - from) * (MAX_BLOCK_BYTES * 0.985) / data.length);
    to = Math.min(Math.max(aim, least), tooMany - 1);
  }
}
