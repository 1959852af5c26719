import assert from "node:assert/strict";
import fc from "fast-check";
import { DamagedBlockError, decodeBlock, encodeBlock, rowsOfBlock } from "./block_codec.ts";
import { emptyRows, putRow, type Rows, stateOf, type StoredValue } from "./rows.ts";

const T0 = 1_767_225_600_000_000;

function series(count: number, value: (i: number) => StoredValue, jitterUs = 0, lagUs = 35_000): Rows {
  const rows = emptyRows();
  for (let i = 0; i < count; i++) {
    const jitter = jitterUs * ((i * 7919) % 1000) / 1000;
    putRow(rows, { t: T0 + i * 10_000_000 + Math.round(jitter), lag: lagUs, state: 0, v: value(i) });
  }
  return rows;
}

const bytesPerRow = (rows: Rows) => encodeBlock(rows).length / rows.t.length;

Deno.test("a regular series of decimals takes about two bytes a row, an irregular one about five", () => {
  const rows = series(1000, (i) => Math.round((20 + Math.sin(i / 50) * 5) * 100) / 100);
  assert.ok(bytesPerRow(rows) < 2.2, String(bytesPerRow(rows)));
  const jittered = series(1000, (i) => Math.round((20 + Math.sin(i / 50) * 5) * 100) / 100, 100_000);
  assert.ok(bytesPerRow(jittered) < 5.2, String(bytesPerRow(jittered)));
  assert.deepEqual(rowsOfBlock(decodeBlock(encodeBlock(jittered))), jittered);
});

Deno.test("a few repeated texts take about two bytes a row", () => {
  const rows = series(1000, (i) => ["open", "closed", "tamper"][i % 3] as string);
  assert.ok(bytesPerRow(rows) < 2.3, String(bytesPerRow(rows)));
});

Deno.test("any part of a series is packed and unpacked without loss", () => {
  const value = fc.oneof(
    fc.double(),
    fc.integer(),
    fc.string({ unit: "binary" }),
    fc.constant(null),
    fc.integer({ min: 0, max: 1 }),
  );
  const sameKind = fc.oneof(
    fc.array(fc.double()),
    fc.array(fc.constantFrom("a", "b")),
    fc.array(value),
    fc.array(fc.constant(null)),
  );
  const row = fc.record({
    gap: fc.oneof(fc.constant(10_000_000), fc.integer({ min: 1, max: 2 ** 40 })),
    lag: fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 45), max: 2 ** 45 })),
    state: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 35 - 1 })),
  });
  fc.assert(fc.property(fc.array(row, { minLength: 1, maxLength: 80 }), sameKind, fc.nat(), (plan, values, cut) => {
    const rows = emptyRows();
    let t = T0;
    plan.forEach(({ gap, lag, state }, i) => {
      const v = values[i % Math.max(1, values.length)] ?? null;
      putRow(rows, { t: t += gap, lag, state, v: Object.is(v, -0) || Number.isNaN(v) ? 0 : v });
    });
    const from = cut % rows.t.length;
    const slice = (column: unknown[]) => column.slice(from);
    assert.deepEqual(rowsOfBlock(decodeBlock(encodeBlock(rows, from))), {
      t: slice(rows.t),
      lag: slice(rows.lag),
      state: slice(rows.state),
      v: slice(rows.v),
    });
  }));
});

Deno.test("a block in which one bit changed is refused", () => {
  const bytes = encodeBlock(series(50, (i) => i % 5 === 0 ? "text" : i));
  fc.assert(fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
    const damaged = bytes.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.throws(() => decodeBlock(damaged), DamagedBlockError);
  }));
  assert.throws(() => decodeBlock(bytes.subarray(0, 20)), DamagedBlockError);
  assert.throws(() => decodeBlock(new Uint8Array(0)), DamagedBlockError);
});

Deno.test("every status code and flag fits the state", () => {
  const rows = emptyRows();
  [0, 0x401, 0x40900000, 0x80310000, 0xffffffff].forEach((quality, i) =>
    putRow(rows, { t: T0 + i, lag: 0, state: stateOf(quality, i), v: 1 })
  );
  assert.deepEqual(rowsOfBlock(decodeBlock(encodeBlock(rows))), rows);
});
