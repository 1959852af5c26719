import assert from "node:assert/strict";
import fc from "fast-check";
import { type LogEntry, readLogEntry } from "./device_event.ts";

const timeUs = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000 + 123_456;
const time = "2026-01-02T03:04:05.123456789+00:00";
const deviceInfo = { devEui: "0101010101010101", deviceName: "probe", tags: {} };

function read(description: string, body: unknown, more: Partial<LogEntry> = {}) {
  return readLogEntry({ id: "1-0", timeUs: null, description, body: JSON.stringify(body), ...more });
}

Deno.test("an uplink carries its own time, its object and the radio figures of the gateway that heard it best", () => {
  assert.deepEqual(
    read("up", {
      deduplicationId: "3ac7e3c4",
      time,
      deviceInfo,
      dr: 5,
      fCnt: 41,
      fPort: 85,
      object: { temperature: 20.0 },
      rxInfo: [
        { gatewayId: "a", rssi: -97, snr: 9.5 },
        { gatewayId: "b", rssi: -61, snr: 7.25 },
        { gatewayId: "c", rssi: -61, snr: 7 },
      ],
    }),
    {
      kind: "up",
      identity: `up|${timeUs}|3ac7e3c4`,
      timeUs,
      object: { temperature: 20 },
      frameCounter: 41,
      dataRate: 5,
      port: 85,
      rssi: -61,
      snr: 7.25,
    },
  );
});

Deno.test("fields that ChirpStack leaves out have their default", () => {
  const event = read("up", { time, deviceInfo, rxInfo: [{ gatewayId: "a" }] });
  assert.deepEqual(event, {
    kind: "up",
    identity: `up|${timeUs}|1-0`,
    timeUs,
    object: null,
    frameCounter: 0,
    dataRate: 0,
    port: 0,
    rssi: 0,
    snr: 0,
  });
  const unheard = read("up", { time });
  assert.ok(unheard.kind === "up" && unheard.rssi === null && unheard.snr === null);
});

Deno.test("without a time of its own an event has the time of its log entry", () => {
  const event = read("up", {}, { timeUs: 77 });
  assert.ok(event.kind === "up" && event.timeUs === 77);
  assert.equal(read("up", {}).kind, "unreadable");
});

Deno.test("a status gives battery and margin, and no battery on external power", () => {
  const battery = (body: object) => {
    const event = read("status", { time, ...body });
    assert.ok(event.kind === "status");
    return [event.battery, event.margin];
  };
  assert.deepEqual(battery({ margin: 10, batteryLevel: 75.59 }), [75.59, 10]);
  assert.deepEqual(battery({}), [0, 0]);
  assert.deepEqual(battery({ margin: 3, externalPowerSource: true }), [null, 3]);
  assert.deepEqual(battery({ margin: -3, batteryLevelUnavailable: true, batteryLevel: 0 }), [null, -3]);
});

Deno.test("the other events become lines for the feed", () => {
  const line = (description: string, body: object) => {
    const event = read(description, { time, ...body });
    assert.ok("level" in event);
    return `${event.kind} ${event.level} ${event.text}`;
  };
  assert.equal(line("join", { devAddr: "00189440" }), "join info Joined the network with address 00189440");
  assert.equal(line("ack", { queueItemId: "q1", acknowledged: true }), "ack info Acknowledged downlink q1");
  assert.equal(line("ack", { queueItemId: "q1" }), "ack warning Did not acknowledge downlink q1");
  assert.equal(
    line("txack", { queueItemId: "q1", gatewayId: "ff00" }),
    "txack info Gateway ff00 sent downlink q1",
  );
  assert.equal(
    line("log", { level: "ERROR", code: "UPLINK_CODEC", description: "x is not\na function" }),
    "log error UPLINK_CODEC: x is not?a function",
  );
  assert.equal(line("log", { level: "WARNING", description: "w" }), "log warning w");
  assert.equal(
    line("location", { location: { latitude: 46.5, longitude: 6.6 } }),
    "location info Located at 46.5, 6.6 (latitude, longitude in degrees)",
  );
});

Deno.test("what became of a downlink is told with the id of its queue item", () => {
  const news = (description: string, body: Record<string, unknown>) => {
    const event = read(description, { time, ...body });
    assert.ok(event.kind === "ack" || event.kind === "txack" || event.kind === "log");
    return event.downlink;
  };
  const queueItemId = "0b0e0c6e-0000-4000-8000-000000000001";
  assert.deepEqual(news("txack", { queueItemId, gatewayId: "02ed9ee0fffe0001" }), {
    kind: "txack",
    queueItemId,
    detail: "Sent by gateway 02ed9ee0fffe0001",
  });
  assert.deepEqual(news("ack", { queueItemId, acknowledged: true }), { kind: "ack", queueItemId, detail: null });
  // a field that has its default is left out
  assert.deepEqual(news("ack", { queueItemId }), { kind: "nack", queueItemId, detail: null });
  const expired = { level: "ERROR", code: "EXPIRED", description: "too late", context: { queue_item_id: queueItemId } };
  assert.deepEqual(news("log", expired), { kind: "error", queueItemId, detail: "EXPIRED: too late" });
  // the gateway did not send it, but it stays in the queue
  assert.equal(news("log", { ...expired, code: "DOWNLINK_GATEWAY" }), null);
  assert.equal(news("log", { ...expired, level: "WARNING" }), null);
  assert.equal(news("log", { ...expired, context: {} }), null);
  assert.equal(news("log", { level: "ERROR", code: "OTAA", description: "x" }), null);
  assert.equal(news("ack", {}), null);
});

Deno.test("a replay of an event has the identity of the first", () => {
  const body = { time, deduplicationId: "d" };
  const first = read("up", body, { id: "1-0" });
  const again = read("up", body, { id: "9-0" });
  const other = read("up", { time, deduplicationId: "e" }, { id: "1-0" });
  assert.ok(first.kind === "up" && again.kind === "up" && other.kind === "up");
  assert.equal(first.identity, again.identity);
  assert.notEqual(first.identity, other.identity);
});

Deno.test("what is no event is unreadable, with the reason", () => {
  const cause = (entry: Partial<LogEntry>) => {
    const event = readLogEntry({ id: "1", timeUs, description: "up", body: "{}", ...entry });
    assert.ok(event.kind === "unreadable");
    return event.cause;
  };
  assert.match(cause({ body: "{" }), /not JSON/);
  assert.match(cause({ body: "" }), /not JSON/);
  assert.match(cause({ body: "[]" }), /not a JSON object/);
  assert.match(cause({ body: "null" }), /not a JSON object/);
  assert.match(cause({ description: "teleport" }), /'teleport' are not known/);
});

Deno.test("any entry is read without an exception", () => {
  const kinds = fc.constantFrom("up", "join", "ack", "txack", "status", "log", "location", "integration", "x");
  const field = fc.constantFrom("time", "object", "rxInfo", "level", "location", "fCnt", "batteryLevel", "devAddr");
  const body = fc.oneof(fc.dictionary(field, fc.jsonValue()), fc.jsonValue()).map((value) => JSON.stringify(value));
  fc.assert(fc.property(kinds, fc.oneof(body, fc.string()), (description, body) => {
    readLogEntry({ id: "1", timeUs, description, body });
  }));
});
