import assert from "node:assert/strict";
import type { TagAnswer, TagChangeAnswer } from "../web/api_schema.ts";
import { standingOf, TagCells } from "./tag_cells.ts";

const GOOD = { code: 0, name: "Good", severity: "good", cause: "" } as const;
const STALE = 0x40900000;

function tag(id: string, more: Partial<TagAnswer> = {}): TagAnswer {
  const [group = "", name = ""] = id.split("/");
  return {
    id,
    group,
    name,
    device: `Device ${group}`,
    application: "Plant",
    type: "Float",
    dataType: "Double",
    nodeId: `ns=2;s=${id}`,
    unit: "",
    range: null,
    diagnostic: name.startsWith("$"),
    stored: true,
    staleAfterMs: 120_000,
    value: 1,
    quality: GOOD,
    sourceTime: "2026-01-01T00:00:00.000000Z",
    serverTime: "2026-01-01T00:00:00.000000Z",
    ...more,
  };
}

function change(id: string, value: number, quality = 0, second = 1): TagChangeAnswer {
  const time = `2026-01-01T00:00:${String(second).padStart(2, "0")}.000000Z`;
  return { id, value, quality, sourceTime: time, serverTime: time };
}

Deno.test("cells stand in the order of the page: application, device, name, diagnostics last", () => {
  const cells = new TagCells();
  cells.setTags([
    tag("b/$rssi"),
    tag("b/temperature 10"),
    tag("b/temperature 2"),
    tag("gateway/uptime", { device: null, application: null }),
    tag("a/x", { application: "Zoo" }),
  ]);
  assert.deepEqual([...cells.cells.value.keys()], [
    "gateway/uptime",
    "b/temperature 2",
    "b/temperature 10",
    "b/$rssi",
    "a/x",
  ]);
});

Deno.test("a change moves its own cell alone", () => {
  const cells = new TagCells();
  cells.setTags([tag("a/x"), tag("a/y")]);
  const other = cells.cells.value.get("a/y")?.sample.value;
  cells.apply([change("a/x", 7)]);
  assert.equal(cells.cells.value.get("a/x")?.sample.value.value, 7);
  assert.equal(cells.cells.value.get("a/y")?.sample.value, other);
});

Deno.test("a change that came before the list is not lost to an older list", () => {
  const cells = new TagCells();
  cells.apply([change("a/x", 7, 0, 5), change("a/y", 7, 0, 5)]);
  cells.setTags([tag("a/x"), tag("a/y", { value: 9, serverTime: "2026-01-01T00:00:09.000000Z" })]);
  assert.equal(cells.cells.value.get("a/x")?.sample.value.value, 7);
  assert.equal(cells.cells.value.get("a/y")?.sample.value.value, 9);
});

Deno.test("a list read anew keeps cells, takes newer values and drops what is gone", () => {
  const cells = new TagCells();
  cells.setTags([tag("a/x"), tag("a/gone")]);
  const sample = cells.cells.value.get("a/x")?.sample;
  cells.apply([change("a/x", 7, 0, 5)]);
  cells.setTags([tag("a/x"), tag("a/new")]);
  assert.deepEqual([...cells.cells.value.keys()], ["a/new", "a/x"]);
  assert.equal(cells.cells.value.get("a/x")?.sample, sample);
  assert.equal(sample?.value.value, 7, "the list was older than the change");
});

Deno.test("devices are counted as qualities move, diagnostics left out", () => {
  const cells = new TagCells();
  const counted = cells.group("a");
  cells.setTags([tag("a/x"), tag("a/y"), tag("a/$rssi", { quality: { ...GOOD, code: STALE } })]);
  assert.deepEqual(counted.value, { total: 2, uncertain: 0, bad: 0 });
  cells.apply([change("a/x", 1, STALE), change("a/y", 1, 0x80070000)]);
  assert.deepEqual(counted.value, { total: 2, uncertain: 1, bad: 1 });
  cells.apply([change("a/x", 1, 0, 2), change("a/y", 1, STALE, 2), change("a/$rssi", 1, 0, 2)]);
  assert.deepEqual(counted.value, { total: 2, uncertain: 1, bad: 0 });
  cells.setTags([]);
  assert.deepEqual(counted.value, { total: 0, uncertain: 0, bad: 0 });
});

Deno.test("status codes stand for good, uncertain, bad and waiting", () => {
  assert.deepEqual([0, 0x401, STALE, 0x80310000, 0x80320000].map(standingOf), [
    "good",
    "good",
    "uncertain",
    "bad",
    "waiting",
  ]);
});
