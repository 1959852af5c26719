import assert from "node:assert/strict";
import fc from "fast-check";
import { HubApiWorld } from "../../../tests/lib/hub_api_world.ts";
import { HubApiClient, type SeenStream } from "../../../tests/lib/hub_api_client.ts";
import { hub, hubKey } from "../../../tests/lib/mesh_keys.ts";
import { PausableProxy } from "../../../tests/lib/pausable_proxy.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { openEnvelope } from "../../mesh/envelope.ts";
import { HubRequestRefused } from "../hub_core.ts";

const keyOf = (index: number) => index === 0 ? hubKey.publicKey : null;
const peerGone = (count: number) => ({ peer_id: `n_${String(count).padStart(32, "0")}` as never });
const kinds = (stream: SeenStream) => stream.messages.map(({ type, sequence }) => `${type} ${sequence}`);

Deno.test("a stream begins with a tick and the state, and goes on with events as they happen, all signed for its nonce", async () => {
  await using world = await HubApiWorld.start({ random: () => 1 });
  const node = world.core.addNode();
  world.core.emit(node.nodeId, "rotate_keys", {});
  using stream = await world.client.stream(node);
  await stream.until(2);
  world.core.emit(node.nodeId, "peer_removed", peerGone(2));
  world.core.emit(node.nodeId, "rotate_keys", {});
  await stream.until(4);
  assert.deepEqual(kinds(stream), ["tick 1", "node_state 1", "peer_removed 2", "rotate_keys 3"]);
  // where a reader stands that has the message; the tick alone brought it nowhere
  assert.deepEqual(stream.messages.map(({ id }) => id), [null, "1-1", "1-2", "1-3"]);
  for (const { text } of stream.messages) {
    openEnvelope(text, { hub, audience: node.nodeId, keyOf, replyTo: stream.nonce });
  }
  assert.equal(stream.incoming.headers["content-type"], "text/event-stream");
});

Deno.test("a stream that goes on gets what is missing, and nothing when nothing is", async () => {
  await using world = await HubApiWorld.start({ random: () => 1 });
  const node = world.core.addNode();
  for (let count = 0; count < 300; count++) world.core.emit(node.nodeId, "peer_removed", peerGone(count));
  const open = async (lastEventId: string, messages: number) => {
    using stream = await world.client.stream(node, lastEventId);
    await stream.until(messages);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(stream.messages.length, messages);
    return stream;
  };
  assert.deepEqual(kinds(await open("1-300", 1)), ["tick 300"]);
  assert.deepEqual((await open("1-300", 1)).messages[0]?.id, "1-300");
  const most = await open("1-44", 257);
  assert.deepEqual(most.events.map(({ sequence }) => sequence), Array.from({ length: 256 }, (_, index) => 45 + index));
  assert.deepEqual(kinds(await open("1-43", 2)), ["tick 300", "node_state 300"]);
  assert.deepEqual(kinds(await open("0-300", 2)), ["tick 300", "node_state 300"]);
  // ahead of the hub: the tick tells the node so, and there is nothing else to send
  assert.deepEqual(kinds(await open("1-301", 1)), ["tick 300"]);
  assert.deepEqual(kinds(await open("2-1", 1)), ["tick 300"]);
  for (const bad of ["x", "1", "1-", "01-1", "1-1-1", "9".repeat(30)]) {
    const { code } = await world.client.ask("GET", `/v1/nodes/${node.nodeId}/events`, {
      as: node,
      headers: { "last-event-id": bad },
    });
    assert.equal(code, "position_malformed");
  }
});

Deno.test("whenever the connection breaks, no event is missed and none comes twice", async () => {
  await using world = await HubApiWorld.start({ random: () => 1, limits: { nodeBurst: 100_000 } });
  await fc.assert(
    fc.asyncProperty(
      // events before each connection, events while it is open, and after how many of those it breaks
      fc.array(fc.tuple(fc.nat(8), fc.nat(8), fc.nat(10)), { minLength: 1, maxLength: 6 }),
      async (rounds) => {
        const node = world.core.addNode();
        let [emitted, applied] = [0, 0];
        let id = "1-0";
        const seen: number[] = [];
        const emit = () => world.core.emit(node.nodeId, "peer_removed", peerGone(++emitted));
        const take = (stream: SeenStream) => {
          for (const message of stream.events.slice(applied)) {
            seen.push(message.sequence);
            id = message.id ?? id;
          }
        };
        for (const [before, during, breakAfter] of rounds) {
          for (let count = 0; count < before; count++) emit();
          applied = 0;
          const stream = await world.client.stream(node, id);
          for (let count = 0; count < during; count++) {
            emit();
            if (count === breakAfter) {
              await stream.until(1);
              stream.close();
            }
          }
          if (breakAfter >= during) await waitFor("all", () => stream.events.at(-1)?.sequence ?? emitted >= emitted);
          stream.close();
          take(stream);
        }
        const last = await world.client.stream(node, id);
        applied = 0;
        const known = seen.length;
        await waitFor("the rest", () => last.events.length === emitted - known, { everyMs: 1 });
        take(last);
        last.close();
        assert.deepEqual(seen, Array.from({ length: emitted }, (_, index) => index + 1));
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("ticks come in their interval, the first somewhere within it, and never before events they name", async () => {
  {
    // nobody waits for a whole one
    await using world = await HubApiWorld.start({ random: () => 0.005, timings: { tickMs: 120_000 } });
    using stream = await world.client.stream(world.core.addNode(), "1-0");
    await stream.until(2);
    assert.deepEqual(kinds(stream), ["tick 0", "tick 0"]);
  }
  await using world = await HubApiWorld.start({ random: () => 0.5, timings: { tickMs: 1000 } });
  const node = world.core.addNode();
  const begin = performance.now();
  using stream = await world.client.stream(node, "1-0");
  await stream.until(2);
  world.core.emit(node.nodeId, "rotate_keys", {}, false); // nobody is told: the tick brings it along
  await waitFor("two ticks after it", () => kinds(stream).filter((kind) => kind === "tick 1").length >= 2);
  const tookMs = performance.now() - begin;
  const shown = kinds(stream);
  const at = shown.indexOf("rotate_keys 1");
  assert.ok(at >= 2 && shown.slice(0, at).every((kind) => kind === "tick 0"), shown.join(", "));
  assert.ok(shown.slice(at + 1).every((kind) => kind === "tick 1"), shown.join(", "));
  assert.deepEqual(stream.messages.map(({ id }) => id), shown.map((_, index) => index < at ? "1-0" : "1-1"));
  // the one at the beginning, the first, and those of whole intervals
  assert.ok(shown.length - 1 <= 2 + tookMs / 990, `${shown.length - 1} ticks in ${tookMs} ms`);
});

Deno.test("a node's new stream ends its old one, and presence follows the last", async () => {
  await using world = await HubApiWorld.start();
  const node = world.core.addNode();
  const presence = () =>
    world.core.calls.filter((call) => call.endsWith(node.nodeId)).map((call) => call.split(" ")[0]);
  using first = await world.client.stream(node);
  await first.until(2);
  using second = await world.client.stream(node);
  await second.until(2);
  await waitFor("the first to end", () => first.ended);
  assert.equal(world.api.streams(), 1);
  world.core.emit(node.nodeId, "rotate_keys", {});
  await second.until(3);
  assert.deepEqual(first.events, []);
  assert.deepEqual(presence(), ["opened"]);
  second.close();
  await waitFor("the second to be gone", () => world.api.streams() === 0);
  assert.deepEqual(presence(), ["opened", "closed"]);
});

Deno.test("the stream of a removed node ends at once, and opens no more", async () => {
  await using world = await HubApiWorld.start();
  const [node, peer] = [world.core.addNode(), world.core.addNode()];
  using stream = await world.client.stream(node);
  using other = await world.client.stream(peer);
  await Promise.all([stream.until(2), other.until(2)]);
  world.core.remove(node.nodeId);
  await waitFor("its end", () => stream.ended && stream.incoming.socket.destroyed);
  assert.equal(other.ended, false);
  const { status, code } = await world.client.ask("GET", `/v1/nodes/${node.nodeId}/events`, { as: node });
  assert.deepEqual([status, code], [401, "node_removed"]);
});

Deno.test("a reader that stops reading costs a bounded buffer, is closed, and gets all when it comes again", async () => {
  await using world = await HubApiWorld.start({ random: () => 1, timings: { stallTimeoutMs: 800 } });
  // a client's own library reads ahead: only on the way can somebody stop reading
  await using proxy = new PausableProxy(world.api.port);
  world.core.keep = 100_000;
  const node = world.core.addNode();
  const stream = await new HubApiClient(proxy.port).stream(node, "1-0");
  await stream.until(1);
  proxy.pause();
  let made = 0;
  const { eventEnvelope } = world.core;
  world.core.eventEnvelope = (...args) => {
    const text = eventEnvelope.apply(world.core, args);
    made += text.length;
    return text;
  };
  const message = "x".repeat(4_000);
  for (let count = 0; count < 10_000 && world.api.streams() > 0; count++) {
    world.core.emit(node.nodeId, "peer_mail", { message });
    if (count % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await waitFor("the stream to be closed", () => world.api.streams() === 0);
  // 40 MB were there to be sent: more than the stream's buffer is the kernel's, up to 4 MB here
  assert.ok(made < 8_000_000, `${made} bytes were made for a reader that takes nothing`);
  stream.close();
  using again = await world.client.stream(node, "1-0");
  await again.until(2);
  assert.equal(again.messages.at(1)?.type, "node_state");
});

Deno.test("slow readers together do not get more states than fit, and get them when others have read", async () => {
  await using world = await HubApiWorld.start({
    random: () => 1,
    limits: { perAddress: 100, allStreamBufferBytes: 12_000_000 },
    // these are slow because they were stopped, and as slow as the machine is after it
    timings: { stallTimeoutMs: 600_000 },
  });
  await using proxy = new PausableProxy(world.api.port);
  let states = 0;
  const { stateEnvelope } = world.core;
  world.core.stateEnvelope = (...args) => {
    states++;
    return stateEnvelope.apply(world.core, args);
  };
  const client = new HubApiClient(proxy.port);
  const nodes = Array.from({ length: 6 }, () => world.core.addNode());
  const streams = await Promise.all(nodes.map((node) => client.stream(node, "1-0")));
  await Promise.all(streams.map((stream) => stream.until(1)));
  proxy.pause();
  world.core.keep = 0; // whoever is behind needs a state
  world.core.sources = 250_000; // of 9 MB, of which the kernel takes some
  for (const { nodeId } of nodes) world.core.emit(nodeId, "rotate_keys", {});
  await waitFor("the first states", () => states > 1);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.ok(states < 5, `${states} states were made for readers that take nothing`);
  proxy.resume();
  await waitFor("all states", () => streams.every(({ messages }) => messages.length >= 2), { deadlineMs: 180_000 });
  assert.equal(states, nodes.length);
  assert.ok(streams.every(({ messages }) => messages[1]?.type === "node_state"));
  for (const stream of streams) stream.close();
});

Deno.test("a hub that cannot sign ends the stream instead of leaving a hole in it", async () => {
  await using world = await HubApiWorld.start({ random: () => 1 });
  const node = world.core.addNode();
  using stream = await world.client.stream(node, "1-0");
  await stream.until(1);
  world.core.trouble = new HubRequestRefused("recovery_needed", 503, "The hub waits for its recovery");
  world.core.emit(node.nodeId, "rotate_keys", {});
  await waitFor("the end", () => stream.ended);
  const { status, code, headers } = await world.client.ask("GET", `/v1/nodes/${node.nodeId}/state`, { as: node });
  assert.deepEqual([status, code], [503, "recovery_needed"]);
  assert.ok(Number(headers["retry-after"]) > 0);
  const opening = await world.client.ask("GET", `/v1/nodes/${node.nodeId}/events`, { as: node });
  assert.deepEqual([opening.status, opening.code], [503, "recovery_needed"]);
  assert.equal(world.api.streams(), 0);
  world.core.trouble = null;
  using again = await world.client.stream(node, "1-0");
  await again.until(2);
  assert.deepEqual(kinds(again), ["tick 1", "rotate_keys 1"]);
});

Deno.test("an event for many streams comes to all, in turns of the event loop that end after 8 ms", async () => {
  await using world = await HubApiWorld.start({ random: () => 1, limits: { perAddress: 1_000, total: 1_000 } });
  const nodes = Array.from({ length: 300 }, () => world.core.addNode());
  const streams: SeenStream[] = [];
  for (const node of nodes) streams.push(await world.client.stream(node, "1-0"));
  await Promise.all(streams.map((stream) => stream.until(1)));
  const { eventEnvelope } = world.core;
  const now = performance.now.bind(performance);
  let [passedMs, inTurn, most] = [0, 0, 0];
  world.core.eventEnvelope = (...args) => {
    // comes before the next turn, which is asked for when this one ends
    if (inTurn === 0) setTimeout(() => inTurn = 0, 0);
    most = Math.max(most, ++inTurn);
    // each takes a millisecond, and what this machine takes on top
    passedMs++;
    return eventEnvelope.apply(world.core, args);
  };
  performance.now = () => now() + passedMs;
  try {
    for (const { nodeId } of nodes) world.core.emit(nodeId, "peer_removed", peerGone(1));
    await Promise.all(streams.map((stream) => stream.until(2)));
  } finally {
    performance.now = now;
  }
  assert.ok(streams.every(({ events }) => events.length === 1));
  assert.equal(passedMs, nodes.length);
  assert.ok(most <= 8, `${most} in one turn`);
  for (const stream of streams) stream.close();
});

Deno.test("stopping ends every stream", async () => {
  const world = await HubApiWorld.start();
  const streams = await Promise.all([1, 2, 3].map(() => world.client.stream(world.core.addNode())));
  await Promise.all(streams.map((stream) => stream.until(2)));
  await world[Symbol.asyncDispose]();
  await waitFor("their ends", () => streams.every(({ ended }) => ended));
  assert.equal(world.core.calls.filter((call) => call.startsWith("closed")).length, 3);
});
