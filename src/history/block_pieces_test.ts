import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeBlock, rowsOfBlock } from "./block_codec.ts";
import { FULL_BLOCK_BYTES, MAX_BLOCK_BYTES, piecesOf } from "./block_pieces.ts";
import { appendRows, emptyRows, putRow, type StoredValue } from "./rows.ts";

function rowsOf(values: readonly StoredValue[]) {
  const rows = emptyRows();
  values.forEach((v, i) => putRow(rows, { t: 1_767_225_600_000_000 + i * 10_000_000, lag: 0, state: 0, v }));
  return rows;
}

Deno.test("pieces fit a page each, are nearly full but for the last, and hold every row in order", () => {
  const text = fc.string({ maxLength: 300 });
  const values = fc.oneof(
    fc.array(fc.double({ noNaN: true }).map((value) => value + 0), { minLength: 1, maxLength: 1500 }),
    fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 6000 }),
    fc.array(text, { minLength: 1, maxLength: 200 }),
  );
  fc.assert(
    fc.property(values, (values) => {
      const rows = rowsOf(values);
      const back = emptyRows();
      const pieces = piecesOf(rows);
      pieces.forEach(({ from, to, data }, i) => {
        assert.equal(from, i === 0 ? 0 : pieces[i - 1]?.to);
        assert.ok(data.length <= MAX_BLOCK_BYTES);
        appendRows(back, rowsOfBlock(decodeBlock(data)));
        assert.equal(back.t.length, to);
      });
      assert.deepEqual(back, rows);
    }),
    { numRuns: 40 },
  );
});

Deno.test("numbers fill their pages", () => {
  const pieces = piecesOf(rowsOf(Array.from({ length: 20_000 }, (_, i) => Math.round(1000 * Math.sin(i)) / 10)));
  assert.ok(pieces.length > 5);
  for (const { data } of pieces.slice(0, -1)) assert.ok(data.length >= FULL_BLOCK_BYTES, String(data.length));
});

Deno.test("a text larger than a page gets a block to itself", () => {
  const pieces = piecesOf(rowsOf(["a", "x".repeat(10_000), "b", "y".repeat(5_000), "z".repeat(5_000)]));
  assert.deepEqual(pieces.map(({ from, to }) => [from, to]), [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]);
});
