import assert from "node:assert/strict";
import { HistoryUnavailableError, RowFlag } from "../history/history.ts";
import { webApp } from "../../tests/lib/web_request.ts";
import { WebWorld } from "../../tests/lib/web_world.ts";
import type { RawHistoryAnswer } from "./api_schema.ts";

const START_US = 1_767_225_600_000_000;
const TEMPERATURE = "a840410000000001/temperature";

function worldWithRows(count: number): WebWorld {
  const world = new WebWorld();
  world.history.rows.set(
    TEMPERATURE,
    Array.from({ length: count }, (_, index) => ({ timeUs: START_US + index * 1_000_000, value: index, quality: 0 })),
  );
  return world;
}

async function raw(web: ReturnType<typeof webApp>, query: string): Promise<RawHistoryAnswer> {
  const answer = await web.get(`/api/v1/history?tag=${TEMPERATURE}&${query}`);
  assert.equal(answer.status, 200, await answer.clone().text());
  return await answer.json();
}

Deno.test("samples are read in both directions, bounded, and on from a cursor", async () => {
  using web = webApp(worldWithRows(10));
  const values = (answer: RawHistoryAnswer) => answer.samples.map(({ value }) => value);
  assert.deepEqual(values(await raw(web, "limit=3")), [0, 1, 2]);
  const newest = await raw(web, "direction=reverse&limit=4");
  assert.deepEqual(values(newest), [9, 8, 7, 6]);
  const on = await raw(web, `direction=reverse&limit=4&cursor=${newest.next}`);
  assert.deepEqual(values(on), [5, 4, 3, 2]);
  const rest = await raw(web, `direction=reverse&limit=4&cursor=${on.next}`);
  assert.deepEqual([values(rest), rest.next], [[1, 0], null]);
  assert.deepEqual(
    values(await raw(web, "from=2026-01-01T00:00:02Z&to=2026-01-01T01:00:04%2B01:00")),
    [2, 3, 4],
  );
  assert.deepEqual(values(await raw(web, `from=${START_US + 8_500_000}`)), [9]);
});

Deno.test("a sample carries both times, its status and how it came", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  world.history.rows.set("a840410000000002/open", [
    { timeUs: START_US + 1, value: true, quality: 0x40900000, flags: RowFlag.ServerMade | RowFlag.Backfill },
  ]);
  const answer = await (await web.get("/api/v1/history?tag=a840410000000002/open")).json();
  assert.deepEqual(answer.samples, [{
    sourceTime: "2026-01-01T00:00:00.000001Z",
    serverTime: "2026-01-01T00:00:00.001001Z",
    value: true,
    quality: 0x40900000,
    serverMade: true,
    backfill: true,
    counterReset: false,
  }]);
});

Deno.test("a long answer is read in pages and is one whole document", async () => {
  const world = worldWithRows(4_500);
  using web = webApp(world);
  const answer = await raw(web, "limit=4200");
  assert.equal(answer.samples.length, 4_200);
  assert.deepEqual(answer.samples.map(({ value }) => value), Array.from({ length: 4_200 }, (_, index) => index));
  assert.equal(world.history.reads, 5);
  const rest = await raw(web, `limit=4200&cursor=${answer.next}`);
  assert.deepEqual([rest.samples.length, rest.next], [300, null]);
});

Deno.test("CSV holds all rows, quotes what needs it and is no formula", async () => {
  const world = worldWithRows(2_500);
  using web = webApp(world);
  const answer = await web.get(`/api/v1/history?tag=${TEMPERATURE}&format=csv`);
  assert.equal(answer.headers.get("content-type"), "text/csv; charset=utf-8");
  assert.equal(
    answer.headers.get("content-disposition"),
    'attachment; filename="a840410000000001_temperature.csv"',
  );
  const lines = (await answer.text()).split("\r\n");
  assert.equal(lines.length, 2_502);
  assert.equal(lines[1], "2026-01-01T00:00:00.000000Z,2026-01-01T00:00:00.001000Z,0,0,Good,0,0,0");
  world.history.rows.set("a840410000000001/state", [
    { timeUs: START_US, value: 'a "b", c', quality: 0 },
    { timeUs: START_US + 1, value: "=1+1", quality: 0 },
  ]);
  const text = await (await web.get("/api/v1/history?tag=a840410000000001/state&format=csv")).text();
  assert(text.includes(',"a ""b"", c",'), text);
  assert(text.includes(",'=1+1,"), text);
});

Deno.test("buckets give count, bounds and means as JSON and CSV", async () => {
  using web = webApp(worldWithRows(120));
  const query = `tag=${TEMPERATURE}&from=${START_US}&to=${START_US + 120_000_000}&bucket_seconds=60`;
  const answer = await (await web.get(`/api/v1/history/buckets?${query}`)).json();
  assert.equal(answer.buckets.length, 2);
  assert.deepEqual(answer.buckets[1], {
    start: "2026-01-01T00:01:00.000000Z",
    end: "2026-01-01T00:02:00.000000Z",
    count: 60,
    min: 60,
    max: 119,
    mean: 89.5,
    first: 60,
    last: 119,
    goodShare: 1,
    goodSeconds: 60,
  });
  const csv = await (await web.get(`/api/v1/history/buckets?${query}&format=csv`)).text();
  assert.equal(csv.split("\r\n")[2], "2026-01-01T00:01:00.000000Z,2026-01-01T00:02:00.000000Z,60,60,119,89.5,60,119,1");
});

Deno.test("what history cannot answer is refused with what to do", async () => {
  using web = webApp(worldWithRows(3));
  const cursor = (await raw(web, "limit=1")).next;
  const cases: [string, number, string][] = [
    ["/api/v1/history", 400, "bad_parameter"],
    ["/api/v1/history?tag=nothing", 404, "unknown_tag"],
    ["/api/v1/history?tag=a840410000000001/$rssi", 404, "tag_not_stored"],
    [`/api/v1/history?tag=${TEMPERATURE}&from=yesterday`, 400, "bad_parameter"],
    [`/api/v1/history?tag=${TEMPERATURE}&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z`, 400, "bad_range"],
    [`/api/v1/history?tag=${TEMPERATURE}&cursor=AAAA`, 400, "bad_cursor"],
    [`/api/v1/history?tag=${TEMPERATURE}&direction=reverse&cursor=${cursor}`, 400, "bad_cursor"],
    [`/api/v1/history?tag=a840410000000001/moisture&cursor=${cursor}`, 400, "bad_cursor"],
    ["/api/v1/history/buckets?tag=a840410000000001/state&from=0", 400, "not_numeric"],
    [`/api/v1/history/buckets?tag=${TEMPERATURE}&from=0&bucket_seconds=1`, 400, "too_many_buckets"],
    [`/api/v1/history/buckets?tag=${TEMPERATURE}&from=10&to=10`, 400, "bad_range"],
  ];
  for (const [path, status, code] of cases) {
    const answer = await web.get(path);
    assert.equal(answer.status, status, path);
    assert.equal((await answer.json()).code, code, path);
  }
});

Deno.test("while the reader is away history answers 503 with when to come again", async () => {
  const world = worldWithRows(3);
  using web = webApp(world);
  world.history.before = () => Promise.reject(new HistoryUnavailableError("the worker restarts"));
  const answer = await web.get(`/api/v1/history?tag=${TEMPERATURE}`);
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get("retry-after"), "2");
  assert.equal((await answer.json()).code, "history_unavailable");
});

Deno.test("a client that goes away ends the reading and frees its place", async () => {
  const world = worldWithRows(50_000);
  using web = webApp(world);
  for (let round = 0; round < 40; round++) {
    const answer = await web.get(`/api/v1/history?tag=${TEMPERATURE}&format=csv`);
    assert(answer.body !== null);
    const reader = answer.body.getReader();
    await reader.read();
    await reader.cancel();
  }
  assert(world.history.reads < 40 * 5, `${world.history.reads} pages were read for clients that left after the first`);
  const gone = new AbortController();
  world.history.before = (signal) =>
    new Promise((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
      gone.abort();
    });
  const answer = await web.get(`/api/v1/history?tag=${TEMPERATURE}`, { signal: gone.signal });
  assert.equal(answer.status, 500);
});

Deno.test("a failure in the middle breaks the answer off instead of ending it", async () => {
  const world = worldWithRows(5_000);
  using web = webApp(world);
  const answer = await web.get(`/api/v1/history?tag=${TEMPERATURE}&limit=5000`);
  world.history.before = () => Promise.reject(new Error("disk gone"));
  await assert.rejects(answer.text());
});

Deno.test("more requests for history than places are refused, none is lost", async () => {
  const world = worldWithRows(3);
  using web = webApp(world);
  const gate = Promise.withResolvers<void>();
  world.history.before = () => gate.promise;
  const waiting = Array.from({ length: 16 }, () => web.get(`/api/v1/history?tag=${TEMPERATURE}`));
  const refused = await web.get(`/api/v1/history?tag=${TEMPERATURE}`);
  assert.equal(refused.status, 503);
  assert.equal((await refused.json()).code, "busy");
  gate.resolve();
  for (const answer of await Promise.all(waiting)) assert.equal((await answer.json()).samples.length, 3);
  assert.equal((await (await web.get(`/api/v1/history?tag=${TEMPERATURE}`)).json()).samples.length, 3);
});

Deno.test("asking for the headers alone gives the place at the reader back", async () => {
  using web = webApp(worldWithRows(3));
  for (let count = 0; count < 40; count++) {
    const answer = await web.get(`/api/v1/history?tag=${TEMPERATURE}`, { method: "HEAD" });
    assert.deepEqual([answer.status, await answer.text()], [200, ""]);
  }
  assert.equal((await raw(web, "limit=3")).samples.length, 3);
});
