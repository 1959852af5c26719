import { LogLevel, setDebugLogger, setErrorLogger, setLogLevel, setWarningLogger } from "node-opcua";
import { getLogger } from "@logtape/logtape";

const log = getLogger(["edgekeep", "opcua", "library"]);

/** Longest text that is taken over from the library: it prints whole requests. */
const MAX_LENGTH = 1000;

/**
 * Sends what node-opcua prints into the log instead of the terminal. Its errors are mostly about a single client's
 * mistake, so they become warnings; the gateway's own events say what matters.
 */
export function routeLibraryLog(): void {
  setLogLevel(LogLevel.Warning);
  setErrorLogger((...parts: unknown[]) => log.warning("{text}", { event: "opcua_library", text: plain(parts) }));
  setWarningLogger((...parts: unknown[]) => log.info("{text}", { event: "opcua_library", text: plain(parts) }));
  setDebugLogger((...parts: unknown[]) => log.debug("{text}", { event: "opcua_library", text: plain(parts) }));
}

function plain(parts: readonly unknown[]): string {
  const text = parts.map((part) => part instanceof Error ? part.message : String(part)).join(" ");
  // deno-lint-ignore no-control-regex -- colour sequences are what is removed here
  return text.replace(/\x1b\[[0-9;]*m/g, "").trim().slice(0, MAX_LENGTH);
}
