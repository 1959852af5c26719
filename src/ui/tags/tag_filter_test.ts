import assert from "node:assert/strict";
import { WebWorld } from "../../../tests/lib/web_world.ts";
import { webApp } from "../../../tests/lib/web_request.ts";
import { TagCells } from "../tag_cells.ts";
import { groupDevices } from "./device_groups.ts";
import { filterCells, type TagFilter } from "./tag_filter.ts";

const everything: TagFilter = { group: null, show: "all", search: "", diagnostics: false };

async function cellsOf(world: WebWorld): Promise<TagCells> {
  using web = webApp(world);
  const cells = new TagCells();
  cells.setTags((await (await web.get("/api/v1/tags?limit=1000")).json()).items);
  return cells;
}

Deno.test("tags are filtered by device, quality and words in any field", async () => {
  const world = new WebWorld();
  world.set({ "a840410000000001/temperature": 20, "a840410000000001/moisture": 130, "a840410000000002/open": true });
  world.set({ "a840410000000002/cycles": null }, 0x80070000);
  const cells = await cellsOf(world);
  const names = (filter: Partial<TagFilter>) =>
    filterCells(cells.cells.value.values(), { ...everything, ...filter }).map(({ tag }) => tag.name);
  assert.deepEqual(names({}), ["energy total", "moisture", "state", "temperature", "cycles", "open"]);
  assert.deepEqual(names({ group: "a840410000000002" }), ["cycles", "open"]);
  assert.equal(names({ group: "a840410000000002", diagnostics: true }).length, 10);
  assert.deepEqual(names({ show: "not_good" }), ["moisture", "cycles"]);
  assert.deepEqual(names({ show: "bad" }), ["cycles"]);
  assert.deepEqual(names({ search: "IRRIG moist" }), ["moisture"]);
  assert.deepEqual(names({ search: "°c" }), ["temperature"]);
  assert.deepEqual(names({ search: "irrig nothing" }), []);
});

Deno.test("devices stand below their applications", async () => {
  const cells = await cellsOf(new WebWorld());
  assert.deepEqual(groupDevices(cells.cells.value.values()), [
    { application: "Energy", devices: [{ group: "b000000000000001", name: "Meter" }] },
    {
      application: "Irrigation",
      devices: [
        { group: "a840410000000001", name: "Soil probe 1" },
        { group: "a840410000000002", name: "Valve 2" },
      ],
    },
  ]);
});
