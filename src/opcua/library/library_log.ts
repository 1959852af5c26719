import { LogLevel, setDebugLogger, setErrorLogger, setLogLevel, setWarningLogger } from "node-opcua";
import { getLogger } from "@logtape/logtape";

const log = getLogger(["edgekeep", "opcua", "library"]);

/** Longest text that is taken over from the library: it prints whole requests. */
const MAX_LENGTH = 1000;
/** Lines of the library in one window; a client that errs a thousand times a second must not fill the log. */
const MAX_LINES = 20;
const WINDOW_MS = 10_000;
/** Said better by this room itself: `opcua_certificate_mismatch` names only hosts that are advertised. */
const SAID_ELSEWHERE = /NODE-OPCUA-W26/;

let windowStartMs = 0;
let lines = 0;

/**
 * Sends what node-opcua prints into the log instead of the terminal, one level lower than it says: its errors are mostly
 * about a single client's mistake, and what an operator must know is reported by this room's own events.
 */
export function routeLibraryLog(): void {
  setLogLevel(LogLevel.Warning);
  setErrorLogger((...parts: unknown[]) => take(parts, (text) => log.info("{text}", { event: "opcua_library", text })));
  setWarningLogger((...parts: unknown[]) =>
    take(parts, (text) => log.debug("{text}", { event: "opcua_library", text }))
  );
  setDebugLogger((...parts: unknown[]) => take(parts, (text) => log.trace("{text}", { event: "opcua_library", text })));
}

function take(parts: readonly unknown[], tell: (text: string) => void): void {
  const nowMs = Date.now();
  if (nowMs - windowStartMs > WINDOW_MS) {
    windowStartMs = nowMs;
    lines = 0;
  }
  if (++lines > MAX_LINES) return;
  const text = plain(parts);
  if (text !== "" && !SAID_ELSEWHERE.test(text)) tell(text);
}

function plain(parts: readonly unknown[]): string {
  const text = parts.map((part) => {
    if (part instanceof Error) return part.message;
    // the first part says where in the library the line was written
    if (isPlace(part)) return `${part.filename}:${part.callerline}`;
    return String(part);
  }).join(" ");
  // deno-lint-ignore no-control-regex -- colour sequences are what is removed here
  return text.replace(/\x1b\[[0-9;]*m/g, "").replace(/\s+/g, " ").trim().slice(0, MAX_LENGTH);
}

function isPlace(part: unknown): part is { filename: string; callerline: number } {
  return typeof part === "object" && part !== null && "filename" in part && "callerline" in part;
}
