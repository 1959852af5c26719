import assert from "node:assert/strict";
import { join } from "node:path";
import { openDatabase } from "../history/database_file.ts";
import { Quality } from "../tags/quality.ts";
import { ALARM_APPLICATION_ID, AlarmFile, alarmMigrations } from "./alarm_file.ts";
import { newAlarm } from "./alarm_state.ts";

const alarm = (timeUs: number, id = "a/b/$alarm") => ({
  ...newAlarm({ id, kind: "limit", source: "a/b", name: "B", severity: 500, message: "", quality: Quality.Good }),
  timeUs,
});

Deno.test("retention deletes what is old and what is too many, in steps, and numbers never come again", async () => {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-alarms-" });
  const path = join(dir, "alarms.db");
  const open = () =>
    new AlarmFile(openDatabase({
      path,
      synchronous: "NORMAL",
      nowUs: () => 0,
      applicationId: ALARM_APPLICATION_ID,
      steps: alarmMigrations,
    }));
  let file = open();
  try {
    assert.deepEqual([file.lastSequence(), file.newestTimeUs(), file.states()], [0, null, []]);
    const event = (sequence: number) => ({
      sequence,
      cause: "active" as const,
      by: null,
      alarm: alarm(sequence * 100),
      answerable: ["x"],
    });
    file.write(Array.from({ length: 50 }, (_, n) => event(n + 1)), []);
    const left = () =>
      file.journal({ fromUs: null, toUs: null, direction: "forward", limit: 100 }, 100).map(({ sequence }) => sequence);
    assert.deepEqual([file.prune(1001, 0, 7), left()[0]], [7, 8]);
    assert.deepEqual([file.prune(1001, 0, 7), left()[0]], [3, 11], "what is as old as allowed stays");
    assert.equal(file.prune(1001, 0, 7), 0);
    assert.deepEqual([file.prune(0, 45, 30), file.prune(0, 45, 30), left()], [30, 5, [46, 47, 48, 49, 50]]);
    while (file.prune(Infinity, 0, 100) > 0);
    assert.deepEqual([left(), file.newestTimeUs()], [[], null]);
    file.close();
    file = open();
    assert.equal(file.lastSequence(), 50);
    assert.deepEqual(file.states(), [{ alarm: alarm(5000), answerable: ["x"] }], "the state outlives its events");
    file.write([{ ...event(51), cause: "removed" }], [{ alarm: alarm(1, "c/d/$alarm"), answerable: [] }]);
    assert.deepEqual(file.states().map(({ alarm }) => alarm.id), ["c/d/$alarm"]);
  } finally {
    file.close();
    await Deno.remove(dir, { recursive: true });
  }
});
