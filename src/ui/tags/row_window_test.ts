import assert from "node:assert/strict";
import fc from "fast-check";
import { rowWindow } from "./row_window.ts";

Deno.test("every row in sight is drawn, and of many rows only few", () => {
  fc.assert(
    fc.property(
      fc.nat(100_000),
      fc.integer({ min: 20, max: 80 }),
      fc.nat(2_000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (rows, rowHeight, viewHeight, part) => {
        const scrollTop = part * Math.max(0, rows * rowHeight - viewHeight);
        const { first, last } = rowWindow(rows, rowHeight, scrollTop, viewHeight);
        assert(first >= 0 && last <= rows && first <= Math.max(0, last));
        if (rows === 0) return;
        assert(first * rowHeight <= scrollTop);
        assert(last === rows || last * rowHeight >= scrollTop + viewHeight);
        assert(last - first <= Math.ceil(viewHeight / rowHeight) + 24);
      },
    ),
  );
});

Deno.test("a scroll position left over from a longer list shows the end of the shorter one", () => {
  assert.deepEqual(rowWindow(3, 40, 100_000, 400), { first: 2, last: 3 });
  assert.deepEqual(rowWindow(0, 40, 0, 400), { first: 0, last: 0 });
});
