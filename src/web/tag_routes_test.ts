import assert from "node:assert/strict";
import { Quality } from "../tags/quality.ts";
import { webApp } from "../../tests/lib/web_request.ts";
import { WebWorld } from "../../tests/lib/web_world.ts";
import type { TagAnswer } from "./api_schema.ts";
import { makeCursor } from "./cursor.ts";

const ids = (page: { items: TagAnswer[] }) => page.items.map(({ id }) => id);

Deno.test("tags are listed by id, page by page, each once", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  const seen: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page: { items: TagAnswer[]; total: number; next: string | null } =
      await (await web.get(`/api/v1/tags?limit=7${cursor === "" ? "" : `&cursor=${cursor}`}`)).json();
    assert.equal(page.total, world.tags.size);
    assert(page.items.length <= 7);
    seen.push(...ids(page));
    cursor = page.next;
  }
  assert.deepEqual(seen, [...world.tags.list()].map(({ id }) => id as string).sort());
});

Deno.test("a page goes on behind its cursor although tags came and went", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  const first = await (await web.get("/api/v1/tags?limit=3&diagnostics=false")).json();
  const last = ids(first).at(-1);
  world.tags.define([...world.tags.list()].filter(({ id }) => id !== last).map(({ definition }) => definition));
  const second = await (await web.get(`/api/v1/tags?limit=3&diagnostics=false&cursor=${first.next}`)).json();
  assert.deepEqual([...ids(first), ...ids(second)], [
    "a840410000000001/moisture",
    "a840410000000001/state",
    "a840410000000001/temperature",
    "a840410000000002/cycles",
    "a840410000000002/open",
    "b000000000000001/energy total",
  ]);
});

Deno.test("tags are filtered by group, pattern, quality and kind", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  world.set({ "a840410000000001/temperature": 20, "a840410000000001/moisture": 130, "a840410000000002/open": true });
  const list = async (query: string) => ids(await (await web.get(`/api/v1/tags?diagnostics=false&${query}`)).json());
  assert.deepEqual(await list("group=b000000000000001"), ["b000000000000001/energy total"]);
  assert.deepEqual(await list("glob=*/t*"), ["a840410000000001/temperature"]);
  assert.deepEqual(await list("quality=good"), ["a840410000000001/temperature", "a840410000000002/open"]);
  assert.deepEqual(await list("quality=uncertain"), ["a840410000000001/moisture"]);
  assert.equal((await list("quality=not_good")).length, 4);
  assert.deepEqual(await list("group=nothing"), []);
});

Deno.test("a tag carries its quality in words and its times exactly", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  world.set({ "a840410000000001/temperature": -3.25 }, Quality.BadSensorFailure, 1_767_225_600_123_456);
  const tag: TagAnswer = await (await web.get("/api/v1/tags/a840410000000001/temperature")).json();
  assert.equal(tag.value, -3.25);
  assert.equal(tag.sourceTime, "2026-01-01T00:00:00.123456Z");
  assert.equal(tag.nodeId, "ns=2;s=a840410000000001/temperature");
  assert.equal(tag.unit, "°C");
  assert.deepEqual(tag.quality, {
    code: 0x80310000,
    name: "BadNoCommunication",
    severity: "bad",
    cause: "Nothing has been heard for so long that the last value is no longer usable",
  });
});

Deno.test("an id with blanks and dollars is found when its parts are escaped", async () => {
  using web = webApp(new WebWorld());
  const blank: TagAnswer = await (await web.get("/api/v1/tags/b000000000000001/energy%20total")).json();
  assert.deepEqual([blank.id, blank.value, blank.sourceTime], ["b000000000000001/energy total", null, null]);
  const rssi: TagAnswer = await (await web.get("/api/v1/tags/b000000000000001/$rssi")).json();
  assert.deepEqual([rssi.diagnostic, rssi.stored], [true, false]);
});

Deno.test("a number that JSON cannot hold is null, large integers are exact", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  world.set({ "a840410000000001/temperature": NaN, "a840410000000002/cycles": Number.MAX_SAFE_INTEGER });
  assert.equal((await (await web.get("/api/v1/tags/a840410000000001/temperature")).json()).value, null);
  const text = await (await web.get("/api/v1/tags/a840410000000002/cycles")).text();
  assert.match(text, /"value":9007199254740991,/);
});

Deno.test("unknown tags and bad parameters are refused with what to do", async () => {
  using web = webApp(new WebWorld());
  const unknown = await web.get("/api/v1/tags/a840410000000001/nothing");
  assert.equal(unknown.status, 404);
  assert.deepEqual(Object.keys(await unknown.json()), ["type", "title", "status", "code", "detail", "fix"]);
  for (
    const query of [
      "limit=0",
      "limit=1001",
      "limit=x",
      "limit=1&limit=2",
      "quality=best",
      "cursor=nonsense",
      `cursor=${makeCursor("devices", "a")}`,
      "colour=red",
      `glob=${"*".repeat(300)}`,
    ]
  ) {
    const answer = await web.get(`/api/v1/tags?${query}`);
    assert.equal(answer.status, 400, query);
    const problem = await answer.json();
    assert.equal(problem.field, query.split("=")[0]);
    assert(problem.fix.length > 10);
  }
});

Deno.test("every status code is listed with its cause", async () => {
  using web = webApp(new WebWorld());
  const { items } = await (await web.get("/api/v1/qualities")).json();
  assert.equal(items.length, Object.keys(Quality).length);
  assert(items.every(({ cause }: { cause: string }) => !cause.startsWith("Status ")));
});
