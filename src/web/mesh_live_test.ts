import assert from "node:assert/strict";
import { EventStreamReader } from "../../tests/lib/event_stream.ts";
import { HubWorld } from "../../tests/lib/hub_world.ts";
import { waitFor } from "../../tests/lib/wait_for.ts";
import type { HubRoleStatus } from "../operations/operation_parts.ts";
import { MeshLive } from "./mesh_live.ts";

/** Streams over a real hub. */
function live(world: HubWorld, timings: Record<string, number> = {}): MeshLive {
  const status = (): HubRoleStatus => ({
    id: "1",
    name: "hub",
    site: "",
    version: "0.1.0",
    startedUs: 1,
    nowUs: world.clock.nowUs(),
    verdict: "ok",
    summary: "All is well",
    faults: [],
    process: { rssBytes: 1, heapUsedBytes: 1 },
    hub: world.admin.status(),
  });
  return new MeshLive({
    instance: "cafe",
    hub: world.admin,
    feed: world.feed,
    names: { nameOf: () => null },
    status,
    timings: { tickMs: 5, ...timings },
  });
}

function open(streams: MeshLive, change: { withStatus?: boolean; withEvents?: boolean; holder?: string } = {}) {
  const { withStatus = false, withEvents = false, holder = "a" } = change;
  let broken = false;
  const stream = streams.open({ withStatus, withEvents, holders: [holder], breakConnection: () => broken = true });
  return { reader: new EventStreamReader(new Response(stream.readable)), broken: () => broken };
}

Deno.test("a stream tells of everything first, and then of what changes, once for what comes together", async () => {
  await using world = await HubWorld.open();
  const streams = live(world);
  try {
    const { reader } = open(streams);
    assert.deepEqual((await reader.next())?.data.instance, "cafe");
    assert.deepEqual((await reader.next())?.data, { topics: ["nodes", "links", "policy", "tokens", "keys"] });
    const next = reader.next();
    for (let n = 0; n < 5; n++) world.token();
    world.admin.setPolicy([], world.admin.policy().version, "test");
    assert.deepEqual((await next)?.data, { topics: ["policy", "tokens"] });
    await reader.close();
  } finally {
    streams.stop();
  }
});

Deno.test("status and events come to whoever asks for them, and a heartbeat to who hears nothing else", async () => {
  await using world = await HubWorld.open();
  const streams = live(world, { heartbeatMs: 20, statusMs: 10_000 });
  try {
    const { reader } = open(streams, { withStatus: true, withEvents: true });
    assert.equal((await reader.until("status")).data.role, "hub");
    await reader.until("mesh");
    world.feed.add("info", "tested", "", "Something happened");
    assert.equal((await reader.until("event")).data.text, "Something happened");
    await reader.until("heartbeat");
    await reader.close();
  } finally {
    streams.stop();
  }
});

Deno.test("streams are bounded, in all and for each holder, and a stopped room opens none", async () => {
  await using world = await HubWorld.open();
  const streams = live(world, { maxStreams: 3 });
  const readers: EventStreamReader[] = [];
  const begin = async (holder: string) => {
    const { reader } = open(streams, { holder });
    await reader.next();
    readers.push(reader);
  };
  try {
    await begin("a");
    await begin("a");
    assert.throws(() => open(streams, { holder: "a" }), /Nobody has more than 2/);
    await begin("b");
    assert.equal(streams.size, 3);
    assert.throws(() => open(streams, { holder: "c" }), /All 3 live streams are in use/);
    assert.ok(streams.sentBytes > 0);
  } finally {
    streams.stop();
  }
  assert.throws(() => open(streams), /stopping/);
  assert.equal(streams.size, 0);
  for (const reader of readers) await reader.close();
});

Deno.test("a client that takes nothing is cut off", async () => {
  await using world = await HubWorld.open();
  const streams = live(world, { stallMs: 40 });
  try {
    const { reader, broken } = open(streams);
    await reader.next();
    // the next message is made as it is asked for, and then waits
    await waitFor("the cut", broken);
    await reader.close();
  } finally {
    streams.stop();
  }
});
