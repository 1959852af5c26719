import type { LogMessage } from "./log_message.ts";

/**
 * Characters that move a cursor, end a line, or turn the direction of text: whoever can put them into a log can forge
 * its lines. C0, DEL, C1, line and paragraph separator, bidirectional controls (Unicode UAX #9 §2).
 */
// deno-lint-ignore no-control-regex
const controls = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const bare = /^[\w.:/@%+,[\]-]+$/;

/** The text on one line, every control character written as an escape. */
export function escapeControls(text: string): string {
  return text.replace(controls, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** A record as one line for people: time, level, room, text, then the fields that the text does not show already. */
export function textLine(record: LogMessage): string {
  const room = record.category.slice(record.category[0] === "edgekeep" ? 1 : 0).join(".") || "main";
  const shown = Object.entries(record.properties).filter(([, value]) =>
    value !== undefined && !(typeof value === "string" && value.length > 3 && record.message.includes(value))
  );
  const fields = shown.map(([key, value]) => ` ${key}=${fieldText(value)}`).join("");
  const time = new Date(record.timestampMs).toISOString();
  return `${escapeControls(`${time} ${record.level.toUpperCase().padEnd(7)} ${room}: ${record.message}${fields}`)}\n`;
}

/** A record as one line of JSON: `time`, `level`, `logger`, `message`, then its fields. */
export function jsonLine(record: LogMessage): string {
  const { time: _time, level: _level, logger: _logger, message: _message, ...fields } = record.properties;
  const line = JSON.stringify({
    time: new Date(record.timestampMs).toISOString(),
    level: record.level,
    logger: record.category.join("."),
    message: record.message,
    ...fields,
  });
  return `${escapeControls(line)}\n`;
}

function fieldText(value: unknown): string {
  if (typeof value === "string" && bare.test(value)) return value;
  return JSON.stringify(value) ?? String(value);
}
