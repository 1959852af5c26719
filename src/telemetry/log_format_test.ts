import assert from "node:assert/strict";
import fc from "fast-check";
import { escapeControls, jsonLine, textLine } from "./log_format.ts";
import type { LogMessage } from "./log_message.ts";

const record: LogMessage = {
  category: ["edgekeep", "opcua"],
  level: "info",
  timestampMs: Date.UTC(2026, 6, 31),
  message: "Session opened by operator",
  properties: { event: "session_opened", user: "operator", count: 3, list: [1, 2], gone: undefined },
};

Deno.test("A text line holds time, level, room, text and the fields not in the text", () => {
  assert.equal(
    textLine(record),
    "2026-07-31T00:00:00.000Z INFO    opcua: Session opened by operator event=session_opened count=3 list=[1,2]\n",
  );
});

Deno.test("A JSON line parses to time, level, logger, message and fields, which cannot replace them", () => {
  const forged = { ...record, properties: { ...record.properties, level: "fatal", message: "forged" } };
  assert.deepEqual(JSON.parse(jsonLine(forged)), {
    time: "2026-07-31T00:00:00.000Z",
    level: "info",
    logger: "edgekeep.opcua",
    message: "Session opened by operator",
    event: "session_opened",
    user: "operator",
    count: 3,
    list: [1, 2],
  });
});

Deno.test("Nobody can forge a log line or move the cursor", () => {
  const hostile = fc.string({ unit: "binary", maxLength: 60 });
  const evil = fc.constantFrom(
    "\n2026-07-31T00:00:00.000Z ERROR forged",
    "\r\x1b[2J\x9b1A",
    "\u2028x\u202eexe.",
    "\x00\x7f\x85",
  );
  fc.assert(
    fc.property(hostile, evil, hostile, (before, control, after) => {
      const text = before + control + after;
      const message = { ...record, message: text, properties: { user: text, [text]: "x" } };
      for (const line of [textLine(message), jsonLine(message)]) {
        assert.equal(line.indexOf("\n"), line.length - 1);
        assert.equal(escapeControls(line.slice(0, -1)), line.slice(0, -1));
      }
      assert.equal(JSON.parse(jsonLine(message)).message, text);
    }),
  );
});
