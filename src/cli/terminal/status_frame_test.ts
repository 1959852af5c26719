import assert from "node:assert/strict";
import { type FrameShape, type Snapshot, statusFrame } from "./status_frame.ts";

const NOW = "2026-11-22T07:00:10.000000Z";

function snapshot(tags: number, more: Partial<Snapshot["status"]> = {}): Snapshot {
  return {
    status: {
      name: "north-field",
      site: "Pumping station",
      version: "0.1.0",
      now: NOW,
      verdict: "ok",
      summary: "Everything works",
      faults: [],
      sources: [{
        name: "chirpstack",
        mode: "stream",
        address: "http://127.0.0.1:8081",
        state: "connected",
        devices: 12,
        devicesStreaming: 11,
        lastEvent: "2026-11-22T07:00:07.000000Z",
      }],
      tags: { total: tags, good: tags, uncertain: 0, bad: 0, waiting: 0, samplesPerSecond: 1.25 },
      opcua: { endpoints: ["opc.tcp://host:4840"], sessions: 2, maxSessions: 100, monitoredItems: 40 },
      history: { fileBytes: 12_345_678, rowsWritten: 99, rowsPending: 1 },
      ...more,
    },
    tags: Array.from({ length: tags }, (_, index) => ({
      id: `device/tag ${index}`,
      value: index + 0.123456789,
      unit: "°C",
      quality: { name: "Good", severity: "good" },
      sourceTime: "2026-11-22T06:00:10.000000Z",
    })),
    tagCount: tags,
    events: [{ time: NOW, level: "warning", subject: "device", text: "sent nonsense\x1b[2J" }],
  };
}

const shape: FrameShape = { columns: 100, rows: null, offset: 0, colour: false, notice: null, keys: false };

Deno.test("a picture has verdict, source, sessions, values with quality and age, and events", () => {
  const text = statusFrame(snapshot(2), shape).lines.join("\n");
  for (
    const wanted of [
      /^north-field · Pumping station · edgekeep 0.1.0/,
      /OK {2}Everything works/,
      /chirpstack connected {2}11 of 12 devices streaming, last event 3 s ago {2}stream http/,
      /2 of 100 sessions, 40 items/,
      /TAG 1–2 of 2/,
      /device\/tag 1 +1\.123457 °C +Good {2}1 h/,
      /07:00:10 {2}device: sent nonsense\\u001b/,
    ]
  ) assert.match(text, wanted);
  assert.doesNotMatch(text, /Alarms|Debug|forced/);
  assert.doesNotMatch(text.replaceAll("\n", ""), /\p{Cc}/u);
});

Deno.test("faults, alarms, forced values and an open debug gate are shown when they are there", () => {
  const text = statusFrame(
    snapshot(0, {
      verdict: "failed",
      faults: Array.from({ length: 7 }, () => ({ title: "Broken", subject: "x", detail: "why" })),
      alarms: { active: 2, unacknowledged: 1 },
      debugOpen: true,
      debugOpenUntil: NOW,
      forced: 3,
      opcua: null,
    }),
    { ...shape, notice: "Lost the gateway" },
  ).lines.join("\n");
  for (
    const wanted of [
      /^Lost the gateway\n/,
      /FAILED/,
      /! Broken \(x\): why/,
      /and 2 more faults/,
      /2 active, 1 not acknowledged/,
      /open until 2026-11-22T07:00:10Z/,
      /3 values are forced/,
      /OPC UA {3}not running/,
      /No tags are configured/,
    ]
  ) assert.match(text, wanted);
});

Deno.test("a picture fits the terminal, and scrolling stays among the tags", () => {
  for (const [columns, rows] of [[80, 24], [20, 10], [40, 16]] as const) {
    for (const offset of [0, 20, 1_000_000]) {
      const { lines } = statusFrame(snapshot(50), { ...shape, columns, rows, offset, keys: true });
      assert.ok(lines.length <= rows, `${lines.length} lines in ${rows} rows`);
      assert.ok(lines.every((line) => [...line].length <= columns));
    }
  }
  const { lines, tagRows } = statusFrame(snapshot(50), { ...shape, rows: 24, offset: 1_000_000 });
  assert.ok(lines.some((line) => line.startsWith("device/tag 49 ")));
  assert.ok(lines.some((line) => line.startsWith(`TAG ${50 - tagRows + 1}–50 of 50`)));
});

Deno.test("colours are for terminals alone", () => {
  assert.match(statusFrame(snapshot(1), { ...shape, colour: true }).lines.join("\n"), /\p{Cc}\[32mOK\p{Cc}\[0m/u);
});
