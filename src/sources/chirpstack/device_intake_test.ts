import assert from "node:assert/strict";
import fc from "fast-check";
import { Quality } from "../../tags/quality.ts";
import { DeviceIntake } from "./device_intake.ts";
import { fixture } from "./testing/fixture.ts";

const devEui = "0101010101010101";
const startUs = Date.UTC(2026, 0, 2) * 1000;
const iso = (us: number) => new Date(us / 1000).toISOString();

function intakeOf(metrics: Parameters<typeof fixture>[0][number]["metrics"], more: Record<string, unknown> = {}) {
  const world = fixture([{ devEui, ...(metrics === undefined ? {} : { metrics }), more }], {}, startUs);
  const intake = new DeviceIntake(world);
  let id = 0;
  const take = (description: string, body: unknown, timeUs = startUs) =>
    intake.take(devEui, {
      id: `${id++}`,
      timeUs,
      description,
      body: typeof body === "string" ? body : JSON.stringify({ time: iso(timeUs), ...(body as object) }),
    });
  return { ...world, intake, take };
}

Deno.test("one event is one batch, whatever else the device has", () => {
  const { batches, take, intake, tag } = intakeOf([{ metric_name: "a" }, { metric_name: "b" }]);
  take("up", { object: { a: 1 }, deduplicationId: "x" });
  take("up", { object: { a: 1 }, deduplicationId: "x" });
  take("up", { object: { b: 2 }, deduplicationId: "y" }, startUs + 1000);
  assert.equal(batches.length, 2);
  assert.deepEqual([tag(devEui, "a").value, tag(devEui, "b").value], [1, 2]);
  assert.equal(intake.events, 2);
  assert.equal(intake.lastEventUs, startUs);
  intake.stop();
});

Deno.test("an old event in the feed says when it happened", () => {
  const { feed, take, intake } = intakeOf([]);
  take("join", { devAddr: "01020304" }, startUs - 3_600_000_000);
  take("join", { devAddr: "01020304" });
  assert.deepEqual(feed.since().map(({ text }) => text), [
    "Joined the network with address 01020304 (2026-01-01T23:00:00.000Z)",
    "Joined the network with address 01020304",
  ]);
  intake.stop();
});

Deno.test("tags that change while it runs are followed", () => {
  const { tags, take, intake, faults, batches } = intakeOf([{ metric_name: "a" }]);
  take("up", { object: { a: "garbage" } });
  assert.equal(faults.list().length, 1);
  const definitions = [...tags.list()].map(({ definition }) =>
    definition.name === "a" ? { ...definition, sourcePath: "b" } : definition
  );
  tags.define(definitions);
  assert.equal(faults.list().length, 0);
  take("up", { object: { a: "garbage", b: 5 } }, startUs + 1000);
  assert.equal(batches.at(-1)?.find(({ tag }) => tag.definition.name === "a")?.value, 5);
  tags.define(definitions.filter(({ name }) => name !== "a"));
  take("up", { object: { b: 6 } }, startUs + 2000);
  assert.equal(batches.at(-1)?.some(({ tag }) => tag.definition.name === "a"), false);
  intake.stop();
});

Deno.test("a device that sends garbage with every uplink makes one line and one fault, and stopping takes it back", () => {
  const { take, intake, feed, faults, tag } = intakeOf([{ metric_name: "a" }]);
  let told = 0;
  faults.subscribe(() => told++);
  for (let n = 0; n < 50; n++) take("up", { object: { a: `garbage ${n}` } }, startUs + n * 1000);
  assert.equal(intake.decodingErrors, 50);
  assert.equal(feed.since().length, 1);
  assert.equal(told, 1);
  assert.equal(tag(devEui, "a").quality, Quality.BadDecodingError);
  intake.stop();
  assert.deepEqual(faults.list(), []);
});

Deno.test("twenty uplinks without any decoded object name the missing codec", () => {
  const { take, intake, fault } = intakeOf([{ metric_name: "a" }]);
  for (let n = 0; n < 19; n++) take("up", {}, startUs + n * 1000);
  assert.equal(fault("device_decoding"), undefined);
  take("up", {}, startUs + 19_000);
  assert.match(fault("device_decoding", devEui)?.detail ?? "", /has no codec \(waiting for 'a'\)/);
  take("up", { object: { a: 1 } }, startUs + 20_000);
  assert.equal(fault("device_decoding"), undefined);
  intake.stop();
});

Deno.test("no entry of the event log makes it throw, and tags keep their types", () => {
  const kinds = fc.constantFrom("up", "join", "ack", "txack", "status", "log", "location", "integration", "other");
  const value = fc.oneof(fc.jsonValue(), fc.double(), fc.string());
  const object = fc.record({ f: value, i: value, b: value, s: value }, { requiredKeys: [] });
  const body = fc.oneof(
    fc.record({ object: fc.oneof(object, fc.jsonValue()), rxInfo: fc.jsonValue() }),
    fc.jsonValue(),
  );
  fc.assert(fc.property(fc.array(fc.tuple(kinds, body), { maxLength: 8 }), (events) => {
    const { take, intake, tag } = intakeOf([
      { metric_name: "f" },
      { metric_name: "i", metric_type: "Int" },
      { metric_name: "b", metric_type: "Bool" },
      { metric_name: "s", metric_type: "String" },
    ]);
    events.forEach(([kind, body], index) => take(kind, body, startUs + index * 1000));
    const types = { f: "number", i: "number", b: "boolean", s: "string" };
    for (const [name, type] of Object.entries(types)) {
      const { value } = tag(devEui, name);
      assert.ok(value === null || typeof value === type);
    }
    intake.stop();
  }));
});
