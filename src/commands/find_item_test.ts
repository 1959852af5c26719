import assert from "node:assert/strict";
import { commandDefinition } from "../../tests/lib/command_world.ts";
import type { StoredCommand } from "./command_store.ts";
import type { DownlinkEvent, QueuedDownlink } from "./commands.ts";
import { findItem } from "./find_item.ts";

const { devEui, fPort } = commandDefinition();

function command(
  confirmed = false,
  before: string[] = [],
  payload: StoredCommand["payload"] = { data: Uint8Array.of(1) },
) {
  return {
    command: {
      id: "c",
      sequence: 1,
      devEui,
      command: "Set",
      arguments: {},
      state: "pending",
      detail: null,
      confirmed,
      fPort,
      payloadHex: "data" in payload ? payload.data.toHex() : null,
      by: { name: "a", address: "local", transport: "unix" },
      idempotencyKey: null,
      queueItemId: null,
      createdUs: 1000,
      updatedUs: 1000,
      deadlineUs: 9000,
    },
    payload,
    intention: { timeUs: 2000, before },
  } satisfies StoredCommand;
}
const item = (id: string, given: Partial<QueuedDownlink> = {}): QueuedDownlink => (
  { id, fPort, confirmed: false, dataHex: "01", isPending: false, ...given }
);
const heard = (queueItemId: string, given: Partial<DownlinkEvent> = {}): DownlinkEvent => (
  { kind: "txack", devEui, queueItemId, timeUs: 3000, detail: null, ...given }
);
const nobody = () => false;

for (
  const { what, stored = command(), queue = [], events = [], ours = nobody, kind, id } of [
    { what: "the only item that holds the same", queue: [item("a")], kind: "queued", id: "a" },
    {
      what: "the same in capitals",
      stored: command(false, [], { data: Uint8Array.of(0xab) }),
      queue: [item("a", { dataHex: "AB" })],
      kind: "queued",
      id: "a",
    },
    {
      what: "the only one beside others that hold something else",
      queue: [item("a"), item("b", { dataHex: "02" })],
      kind: "queued",
      id: "a",
    },
    { what: "two that hold the same", queue: [item("a"), item("b")], kind: "several" },
    { what: "one of another port", queue: [item("a", { fPort: 11 })], kind: "nothing" },
    { what: "one that is confirmed", queue: [item("a", { confirmed: true })], kind: "nothing" },
    { what: "one that was there before", stored: command(false, ["a"]), queue: [item("a")], kind: "nothing" },
    {
      what: "one that is another command of ours",
      queue: [item("a")],
      ours: (one: string) => one === "a",
      kind: "nothing",
    },
    {
      what: "an object, whatever bytes it became",
      stored: command(false, [], { object: {} }),
      queue: [item("a", { dataHex: "77" })],
      kind: "queued",
      id: "a",
    },
    { what: "the only one that was told of", events: [heard("a"), heard("a")], kind: "heard", id: "a" },
    { what: "two that were told of", events: [heard("a"), heard("b")], kind: "several" },
    { what: "one told of from before", events: [heard("a", { timeUs: 1999 })], kind: "nothing" },
    { what: "an acknowledgement, where none was asked for", events: [heard("a", { kind: "ack" })], kind: "nothing" },
    {
      what: "an acknowledgement",
      stored: command(true),
      events: [heard("a", { kind: "ack" })],
      kind: "heard",
      id: "a",
    },
    {
      what: "one told of, while others are in the queue",
      queue: [item("b", { dataHex: "02" })],
      events: [heard("a")],
      kind: "several",
    },
    {
      what: "one told of, while others were in the queue before",
      stored: command(false, ["b"]),
      events: [heard("a")],
      kind: "several",
    },
    {
      what: "one in the queue, and another that was told of",
      queue: [item("a")],
      events: [heard("b")],
      kind: "several",
    },
    {
      what: "one in the queue, which was told of",
      stored: command(true),
      queue: [item("a", { confirmed: true, isPending: true })],
      events: [heard("a")],
      kind: "queued",
      id: "a",
    },
  ] as const
) {
  Deno.test(`looking for the item of a command: ${what} is ${kind}`, () => {
    const found = findItem(stored, queue, events, ours);
    assert.equal(found.kind, kind);
    assert.equal(found.kind === "queued" ? found.item.id : found.kind === "heard" ? found.id : undefined, id);
  });
}
