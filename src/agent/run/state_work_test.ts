import assert from "node:assert/strict";
import { configure, reset } from "@logtape/logtape";
import type { EventPayload } from "../../mesh/events.ts";
import { noNode } from "../../mesh/ids.ts";
import type { NodeState } from "../../mesh/state.ts";
import { StateWork } from "./state_work.ts";

const state = (mesh_ip: string): NodeState => ({
  mesh_ip,
  mesh_cidr: "10.100.0.0/16",
  psk_mode: "hub",
  tls_spki: ["0".repeat(64)],
  observers: [],
  peers: [],
  policy: { rules: [] },
});
const mail = (message: string): EventPayload => ({ type: "peer_mail", payload: { message } });

Deno.test("events and states are worked on in their order, of waiting states only the newest; a removal does not wait", async () => {
  const done: string[] = [];
  const gate = Promise.withResolvers<void>();
  const work = new StateWork({
    follow: async ({ mesh_ip }) => {
      done.push(`state ${mesh_ip}`);
      await gate.promise;
    },
    removed: () => Promise.resolve(void done.push("removed")),
    event: (event) => Promise.resolve(void done.push(event.type === "peer_mail" ? event.payload.message : event.type)),
  });
  work.state(state("1"), null);
  work.state(state("2"), null);
  work.event(mail("a"));
  work.state(state("3"), null);
  work.event(mail("b"));
  work.state(state("4"), { type: "peer_removed", payload: { peer_id: noNode } });
  assert.deepEqual(done, ["state 1", "removed"]);
  gate.resolve();
  await work.idle();
  assert.deepEqual(done, ["state 1", "removed", "state 4", "a", "b"]);
  work.again();
  await work.idle();
  assert.equal(done.at(-1), "state 4");
  await work.stop();
});

Deno.test("what fails does not keep the rest from being done", async () => {
  const done: string[] = [];
  const work = new StateWork({
    follow: () => Promise.reject(new Error("no device")),
    removed: () => Promise.resolve(),
    event: (event) => Promise.resolve(void done.push(event.type)),
  });
  work.state(state("1"), null);
  work.event(mail("a"));
  await work.idle();
  assert.deepEqual(done, ["peer_mail"]);
  await work.stop();
});

Deno.test("a hub that floods the agent costs a bounded queue and two lines of the log; the newest state is followed", async () => {
  const lines: string[] = [];
  await configure({
    sinks: { lines: (record) => lines.push(String(record.properties.event)) },
    loggers: [{ category: ["edgekeep", "agent"], sinks: ["lines"] }, { category: ["logtape", "meta"], sinks: [] }],
    reset: true,
  });
  try {
    const gate = Promise.withResolvers<void>();
    const done: string[] = [];
    const work = new StateWork({
      follow: async ({ mesh_ip }) => {
        done.push(mesh_ip);
        await gate.promise;
      },
      removed: () => Promise.resolve(),
      event: () => Promise.resolve(void done.push("mail")),
    });
    for (let n = 1; n <= 5000; n++) {
      work.event(mail(`${n}`));
      work.state(state(`${n}`), null);
    }
    gate.resolve();
    await work.idle();
    assert.ok(done.length < 2048, `${done.length} things were done`);
    assert.ok(done.includes("5000"), "the newest state");
    assert.deepEqual(lines, ["agent_event_dropped", "agent_events_dropped"]);
  } finally {
    await reset();
  }
});
