import assert from "node:assert/strict";
import { alarmSchemas } from "../operations/schemas/alarm_schemas.ts";
import { commandSchemas } from "../operations/schemas/command_schemas.ts";
import type { AlarmEventView, AlarmView, CommandDefinitionView, CommandView, PageOf } from "./operate_answers.ts";

const TIME = "2026-01-31T12:00:00.123456Z";

Deno.test("what the pages of alarms and commands read is what the operations answer", () => {
  // each answer passes through the operation's schema and must then, by its type, be what the page takes
  const alarm = {
    id: "0102030405060708/level/$alarm",
    kind: "limit",
    source: "0102030405060708/level",
    name: "level",
    enabled: true,
    active: true,
    limitState: "High",
    acknowledged: false,
    confirmed: true,
    shelving: { kind: "unshelved", until: null },
    retain: true,
    severity: 500,
    message: "level is high",
    value: 91,
    quality: { code: 0, name: "Good", severity: "good", cause: "As the device sent it" },
    comment: null,
    event: "0".repeat(32),
    time: TIME,
    activeSince: TIME,
    inactiveSince: null,
    acknowledgedAt: null,
    confirmedAt: null,
  };
  const list: PageOf<AlarmView, string> = alarmSchemas["alarms.list"].result.parse({
    items: [alarm],
    total: 1,
    counts: { total: 1, active: 1, unacknowledged: 1, shelved: 0 },
    next: null,
  });
  const journal: PageOf<AlarmEventView, string> = alarmSchemas["alarms.journal"].result.parse({
    items: [{ sequence: 7, cause: "active", by: null, alarm }],
    next: null,
  });
  const command = {
    id: "c0ffee",
    sequence: 3,
    device: "0102030405060708",
    command: "Valve",
    args: { value: true },
    state: "acked",
    ended: true,
    detail: null,
    confirmed: true,
    fPort: 10,
    payload: "01",
    by: "anna",
    queueItem: null,
    created: TIME,
    updated: TIME,
    deadline: TIME,
  };
  const sent: PageOf<CommandView, number> = commandSchemas["commands.list"].result.parse({ items: [command], next: 3 });
  const definitions: PageOf<CommandDefinitionView, string> = commandSchemas["commands.definitions"].result.parse({
    items: [{
      device: "0102030405060708",
      deviceName: "Main valve",
      id: 1,
      name: "Valve",
      fPort: 10,
      confirmed: true,
      payload: "valve",
      arguments: [{ name: "value", type: "Bool", min: null, max: null, values: null, unit: "" }],
      deadlineSeconds: 60,
      enabled: true,
      newest: command,
    }],
    next: null,
  });
  assert.deepEqual(
    [list.items.length, journal.items[0]?.alarm.name, sent.next, definitions.items[0]?.arguments[0]?.type],
    [1, "level", 3, "Bool"],
  );
});
