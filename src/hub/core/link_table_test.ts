import assert from "node:assert/strict";
import { LinkTable } from "./link_table.ts";

Deno.test("a report is kept by the slot of its peer, with since when the path is what it is", () => {
  const table = new LinkTable();
  const report = { handshakeS: 1_700_000_000, rx: 5e12, tx: 7, rttMs: null };
  table.set(40, { ...report, path: "none" }, 1000);
  table.set(40, { ...report, path: "none" }, 9000);
  assert.deepEqual(table.get(40), { ...report, path: "none", noneSinceMs: 1000, directSinceMs: 0 });
  table.set(40, { ...report, path: "lan", rttMs: 70_000 }, 10_000);
  table.set(40, { ...report, path: "direct", rttMs: 70_000 }, 11_000);
  assert.deepEqual(table.get(40), { ...report, path: "direct", rttMs: 65_534, noneSinceMs: 0, directSinceMs: 10_000 });
  table.set(400, { ...report, path: "relay" }, 12_000);
  assert.equal(table.get(40)?.path, "direct");
  assert.equal(table.get(400)?.directSinceMs, 0);
  assert.equal(table.get(41), null);
  assert.equal(table.get(10_000), null);
  table.forget(40);
  assert.equal(table.get(40), null);
  assert.equal(table.handshakeS(40), 0);
});
