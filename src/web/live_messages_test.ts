import assert from "node:assert/strict";
import { EventStreamReader } from "../../tests/lib/event_stream.ts";
import { waitFor } from "../../tests/lib/wait_for.ts";
import { neighbour, type TestRequest, webApp } from "../../tests/lib/web_request.ts";
import { WebWorld } from "../../tests/lib/web_world.ts";

const STREAM = "/api/v1/tags/stream";
const TEMPERATURE = "a840410000000001/temperature";
const MOISTURE = "a840410000000001/moisture";

async function open(web: ReturnType<typeof webApp>, query = "", headers: Record<string, string> = {}) {
  return new EventStreamReader(await web.get(`${STREAM}${query}`, { headers }));
}

Deno.test("a new client gets every tag and then what changes", async () => {
  const world = new WebWorld();
  using web = webApp(world, { timings: { tickMs: 5 } });
  const stream = await open(web);
  assert.equal((await stream.next())?.event, "hello");
  assert.deepEqual((await stream.next())?.data, { count: world.tags.size });
  assert.equal((await stream.until("tags")).data.length, world.tags.size);
  world.set({ [TEMPERATURE]: 1 }, 0, 1_767_225_600_000_000);
  world.set({ [TEMPERATURE]: 2 }, 0, 1_767_225_600_000_001);
  const { data, id } = await stream.until("tags");
  assert.deepEqual(data, [{
    id: TEMPERATURE,
    value: 2,
    quality: 0x80310000,
    sourceTime: "2026-01-01T00:00:00.000001Z",
    serverTime: data[0].serverTime,
  }]);
  assert.match(id ?? "", /^[0-9a-f]{8}\.0\.1$/);
  await stream.close();
});

Deno.test("a client that comes back gets only what changed meanwhile, with the newest value", async () => {
  const world = new WebWorld();
  using web = webApp(world, { timings: { tickMs: 1 } });
  const stream = await open(web);
  const { id } = await stream.until("tags");
  await stream.close();
  world.set({ [TEMPERATURE]: 1 });
  await waitFor("the first tick", () => web.hub.ring.sequence === 1);
  world.set({ [TEMPERATURE]: 2, [MOISTURE]: 50 }, 0, Date.now() * 1000 + 1);
  await waitFor("the second tick", () => web.hub.ring.sequence === 2);
  const again = await open(web, "", { "last-event-id": id ?? "" });
  assert.equal((await again.next())?.event, "hello");
  const { event, data } = await again.next() ?? {};
  assert.equal(event, "tags");
  assert.deepEqual(data.map(({ id, value }: { id: string; value: number }) => [id, value]), [
    [TEMPERATURE, 2],
    [MOISTURE, 50],
  ]);
  await again.close();
  const byQuery = await open(web, `?last_event_id=${id}`);
  await byQuery.next();
  assert.equal((await byQuery.next())?.event, "tags");
  await byQuery.close();
});

Deno.test("a position of another start, or one that is forgotten, begins anew", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  for (const id of ["00000000.0.0", `${web.hub.instance}.0.99`, `${web.hub.instance}.7.0`, "x", "1.2.3.4"]) {
    const stream = await open(web, "", { "last-event-id": id });
    await stream.next();
    assert.equal((await stream.next())?.event, "reset", id);
    await stream.close();
  }
});

Deno.test("a filtered stream carries only the tags asked for", async () => {
  const world = new WebWorld();
  using web = webApp(world, { timings: { tickMs: 1 } });
  const stream = await open(web, "?glob=*/moisture");
  assert.deepEqual((await stream.until("reset")).data, { count: 1 });
  world.set({ [TEMPERATURE]: 1 });
  world.set({ [MOISTURE]: 2 });
  await stream.until("tags");
  const { data } = await stream.until("tags");
  assert.deepEqual(data.map(({ id }: { id: string }) => id), [MOISTURE]);
  await stream.close();
});

Deno.test("status and events come along when asked for", async () => {
  const world = new WebWorld();
  using web = webApp(world, { timings: { tickMs: 1, statusMs: 5 } });
  world.feed.add("info", "old", "gateway", "before the stream");
  const stream = await open(web, "?with=status,events");
  assert.equal((await stream.until("status")).data.name, "north-field");
  world.feed.add("warning", "device_join", "b000000000000001", "joined");
  const { data } = await stream.until("event");
  assert.deepEqual([data.event, data.subjectName], ["device_join", "Meter"]);
  await stream.until("status");
  await stream.close();
  assert.equal((await web.get(`${STREAM}?with=everything`)).status, 400);
});

Deno.test("a silent stream sends heartbeats", async () => {
  using web = webApp(new WebWorld(), { timings: { heartbeatMs: 5 } });
  const stream = await open(web);
  await stream.until("heartbeat");
  await stream.until("heartbeat");
  await stream.close();
});

Deno.test("clients are told when the set of tags changes, and begin anew", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  const stream = await open(web);
  await stream.until("tags");
  world.tags.define([...world.tags.list()].slice(1).map(({ definition }) => definition));
  assert.deepEqual((await stream.until("definitions")).data, { count: world.tags.size });
  assert.deepEqual((await stream.next())?.data, { count: world.tags.size });
  assert.equal((await stream.until("tags")).data.length, world.tags.size);
  await stream.close();
});

Deno.test("a client that reads slowly skips values in between and holds nothing back", async () => {
  const world = new WebWorld();
  using web = webApp(world, { timings: { tickMs: 1 } });
  const slow = await open(web);
  await slow.until("tags");
  for (let value = 1; value <= 50; value++) {
    world.set({ [TEMPERATURE]: value }, 0, Date.now() * 1000 + value);
    await waitFor("the next tick", () => web.hub.ring.sequence === value, { everyMs: 1 });
  }
  const values: number[] = [];
  while (values.at(-1) !== 50) values.push((await slow.until("tags")).data[0].value);
  assert(values.length <= 3, `a slow client was sent ${values.length} old states`);
  await slow.close();
});

Deno.test("streams are bounded in number, half of them for one name or one address, and leaving frees the place", async () => {
  const world = new WebWorld();
  using web = webApp(world, { timings: { maxStreams: 4 } });
  const { token } = world.access.createToken({ label: "screen", role: "viewer", lifetimeSeconds: null }, "test");
  const headers = { authorization: `Bearer ${token}` };
  const far = { peer: neighbour, host: "192.168.7.2:8080", headers };
  const joined = async (request: TestRequest = {}) => {
    const stream = new EventStreamReader(await web.get(STREAM, request));
    await stream.next();
    return stream;
  };
  const refuses = async (request: TestRequest = {}) => {
    const refused = await web.get(STREAM, request);
    assert.equal(refused.status, 503);
    assert.equal((await refused.json()).code, "too_many_streams");
  };
  const near = [await joined(), await joined()];
  await refuses();
  await refuses({ headers });
  const others = [await joined(far), await joined(far)];
  await refuses(far);
  await refuses({ ...far, peer: { ...neighbour, remoteAddress: "192.168.7.21" } });
  await near[0]?.close();
  const again = await joined();
  assert.equal(web.hub.size, 4);
  for (const stream of [...near.slice(1), ...others, again]) await stream.close();
  assert.equal(web.hub.size, 0);
});

Deno.test("stopping ends every stream and takes no new one", async () => {
  const web = webApp(new WebWorld());
  const stream = await open(web);
  await stream.until("tags");
  web.hub.stop();
  assert.equal(await stream.next(), null);
  assert.equal((await web.get(STREAM)).status, 503);
});

Deno.test("asking only for the head of a stream opens none", async () => {
  using web = webApp(new WebWorld());
  assert.equal((await web.get(STREAM, { method: "HEAD" })).status, 200);
  assert.equal(web.hub.size, 0);
});

Deno.test("a stream with alarms tells how many there are, and again when they change", async () => {
  const world = new WebWorld();
  using web = webApp(world, { timings: { tickMs: 1 } });
  const stream = await open(web, "?with=alarms&glob=none");
  assert.equal((await stream.until("alarms")).data.counts.active, 0);
  world.alarms.raise(2);
  assert.deepEqual((await stream.until("alarms")).data, {
    counts: { total: 3, active: 2, unacknowledged: 2, shelved: 0 },
  });
  await stream.close();
  const without = await open(web, "?glob=*/moisture");
  await without.until("reset");
  world.alarms.raise(3);
  world.set({ [MOISTURE]: 1 });
  assert.equal((await without.next())?.event, "tags");
  await without.close();
});
