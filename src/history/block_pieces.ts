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

/** Packs rows into as few blocks as fit a page each. A single row that is larger than a page gets a block to itself. */
export function piecesOf(rows: Rows): Piece[] {
  const pieces: Piece[] = [];
  const count = rows.t.length;
  for (let from = 0; from < count;) {
    const piece = fittingPiece(rows, from, count);
    pieces.push(piece);
    from = piece.to;
  }
  return pieces;
}

function fittingPiece(rows: Rows, from: number, end: number): Piece {
  let to = end;
  let data = encodeBlock(rows, from, to);
  if (data.length <= MAX_BLOCK_BYTES) return { from, to, data };
  let best: Piece | null = null;
  let tooMany = to;
  // the size grows nearly in step with the rows: a few guesses by proportion come close enough
  for (let guess = 0; guess < 6 || best === null; guess++) {
    const share = (MAX_BLOCK_BYTES * 0.985) / data.length;
    const aim = from + Math.floor((to - from) * share);
    const least = best === null ? from + 1 : best.to + 1;
    to = Math.min(Math.max(aim, least), tooMany - 1);
    if (to < least) {
      // one row alone is too large, or there is nothing left to try
      return best ?? { from, to: from + 1, data: encodeBlock(rows, from, from + 1) };
    }
    data = encodeBlock(rows, from, to);
    if (data.length > MAX_BLOCK_BYTES) {
      tooMany = to;
      continue;
    }
    best = { from, to, data };
    if (data.length >= MAX_BLOCK_BYTES * 0.96) break;
  }
  return best as Piece;
}
