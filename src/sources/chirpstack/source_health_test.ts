import assert from "node:assert/strict";
import { CallError } from "./call_error.ts";
import { SourceHealth } from "./source_health.ts";
import { fixture } from "./testing/fixture.ts";

const address = "http://chirpstack:8080";
const refused = new CallError("unauthorized", "UNAUTHENTICATED: no");
const unknown = new CallError("unknown", "NOT_FOUND: no");
const away = new CallError("unreachable", "UNAVAILABLE: away");
const broken = new CallError("failed", "INTERNAL: broken");

function health(mode: "stream" | "poll" = "stream", devEuis = ["a", "b"]) {
  const { faults, feed } = fixture([]);
  let us = 1;
  const health = new SourceHealth({ mode, address, devEuis, faults, feed, nowUs: () => us });
  return {
    health,
    feed,
    tick: () => us++,
    state: () => health.status().state,
    faults: () => (health.status(), faults.list().map(({ code, subject }) => `${code} ${subject}`).toSorted()),
  };
}
const open = { kind: "open" } as const;
const closed = { kind: "closed" } as const;
const failed = (error: CallError) => ({ kind: "failed", error }) as const;

Deno.test("connecting, connected when all streams are open, degraded when one is not", () => {
  const { health: h, state, faults } = health();
  assert.equal(state(), "connecting");
  h.connection("streams 1", null);
  assert.equal(state(), "connecting");
  h.stream("a", open);
  assert.equal(state(), "degraded");
  h.stream("b", open);
  assert.equal(state(), "connected");
  assert.deepEqual(faults(), []);
  h.stream("b", closed);
  assert.equal(state(), "degraded");
  assert.equal(h.status().devicesStreaming, 1);
});

Deno.test("a connection that is down is unreachable until it stands again; the time is that of the change", () => {
  const { health: h, state, faults, tick } = health();
  h.connection("streams 1", null);
  h.stream("a", open);
  h.stream("b", open);
  assert.equal(h.status().sinceUs, 1);
  tick();
  h.stream("a", closed);
  h.stream("b", closed);
  h.connection("streams 1", away);
  assert.equal(state(), "disconnected");
  assert.equal(h.status().sinceUs, 2);
  assert.deepEqual(faults(), [`source_unreachable ${address}`]);
  assert.equal(h.status().lastError, away.message);
  tick();
  h.connection("streams 1", new CallError("unreachable", "UNAVAILABLE: still away"));
  assert.equal(h.status().sinceUs, 2);
  h.connection("streams 1", null);
  h.stream("a", open);
  h.stream("b", open);
  assert.equal(state(), "connected");
  assert.equal(h.status().reconnects, 1);
  assert.deepEqual(faults(), []);
});

Deno.test("what was down stays down while it is tried again", () => {
  const { health: h, state, feed } = health();
  h.connection("streams 1", away);
  assert.equal(state(), "disconnected");
  h.connection("streams 1", null);
  assert.equal(state(), "disconnected");
  h.connection("streams 1", away);
  assert.equal(state(), "disconnected");
  assert.equal(feed.since().length, 1);
  h.connection("streams 1", null);
  h.stream("a", open);
  assert.equal(state(), "degraded");
});

Deno.test("one of several connections down degrades", () => {
  const { health: h, state, faults } = health();
  h.connection("streams 1", null);
  h.stream("a", open);
  h.connection("streams 2", away);
  assert.equal(state(), "degraded");
  assert.deepEqual(faults(), [`source_unreachable ${address}`]);
});

Deno.test("a refused token is the source's fault when nothing is accepted, else the device's", () => {
  const { health: h, state, faults } = health();
  h.connection("streams 1", null);
  h.stream("a", failed(refused));
  h.stream("b", failed(refused));
  assert.equal(state(), "disconnected");
  assert.deepEqual(faults(), [`source_unauthorized ${address}`]);
  h.stream("b", open);
  assert.equal(state(), "degraded");
  assert.deepEqual(faults(), ["source_device_unknown a"]);
  h.connection("calls", refused);
  assert.deepEqual(faults(), ["source_device_unknown a", `source_unauthorized ${address}`]);
  h.connection("calls", null);
  h.stream("a", open);
  assert.deepEqual(faults(), []);
  assert.equal(state(), "connected");
});

Deno.test("unknown, silent and failing devices are faults of their own", () => {
  const { health: h, state, faults } = health("stream", ["a", "b", "c", "d"]);
  h.connection("streams 1", null);
  h.connection("calls", null);
  for (const devEui of ["a", "b", "c", "d"]) h.stream(devEui, open);
  assert.equal(state(), "connected");
  h.stream("a", failed(unknown));
  h.looked("b", true, false);
  h.looked("c", false, true);
  h.stream("d", failed(broken));
  assert.deepEqual(faults(), ["source_device_unknown a", "source_device_unknown b", "stream_silent c"]);
  h.stream("d", failed(broken));
  assert.ok(faults().includes("stream_failed d"));
  assert.equal(state(), "degraded");
  h.stream("a", open);
  h.looked("b", false, false);
  h.looked("c", false, false);
  h.stream("d", open);
  assert.deepEqual(faults(), []);
  assert.equal(state(), "connected");
});

Deno.test("a server that answers every stream with an error is of no more use than none", () => {
  const { health: h, state, faults } = health();
  h.connection("streams 1", null);
  h.stream("a", failed(broken));
  h.stream("b", failed(broken));
  assert.equal(state(), "disconnected");
  assert.deepEqual(faults(), [`source_unreachable ${address}`]);
});

Deno.test("poll mode is connected when it reads, whoever was never heard", () => {
  const { health: h, state, faults } = health("poll");
  h.connection("calls", null);
  h.reading("a", null);
  assert.equal(state(), "connected");
  assert.equal(h.status().devicesStreaming, 1);
  h.reading("b", unknown);
  assert.equal(state(), "degraded");
  assert.deepEqual(faults(), ["source_device_unknown b"]);
  h.connection("calls", away);
  assert.equal(state(), "disconnected");
});

Deno.test("the feed tells connections and losses once each, and stopping takes the faults back", () => {
  const { health: h, feed, faults, state } = health();
  h.connection("streams 1", away);
  state();
  h.connection("streams 1", new CallError("unreachable", "UNAVAILABLE: again"));
  state();
  h.connection("streams 1", null);
  h.stream("a", open);
  state();
  h.stream("b", open);
  state();
  h.looked("b", true, false);
  assert.deepEqual(faults(), ["source_device_unknown b"]);
  assert.deepEqual(feed.since().map(({ event }) => event), [
    "source_disconnected",
    "source_connected",
    "source_device_trouble",
  ]);
  h.stop();
  assert.equal(state(), "stopped");
  assert.deepEqual(faults(), []);
});
