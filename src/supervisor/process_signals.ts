import { getLogger } from "@logtape/logtape";

const log = getLogger(["edgekeep", "supervisor"]);

/** What people and service managers ask of this process by signals. */
export interface ProcessSignals {
  /** Aborted by the first SIGTERM or SIGINT: stop in order. */
  readonly stop: AbortSignal;
  /** Aborted by the second one: stop at once. */
  readonly force: AbortSignal;
  /** Stops listening; the signals have their default effect again. */
  dispose(): void;
}

/** Listens for SIGTERM, SIGINT and SIGHUP until disposed. */
export function listenForSignals(): ProcessSignals {
  const stop = new AbortController();
  const force = new AbortController();
  const end = (signal: Deno.Signal) => () => {
    if (stop.signal.aborted) {
      log.warning("{signal} again: stopping at once", { event: "stop_forced", signal });
      force.abort();
      return;
    }
    log.info("{signal}: stopping", { event: "stop_requested", signal });
    stop.abort();
  };
  const listeners: [Deno.Signal, () => void][] = [
    ["SIGTERM", end("SIGTERM")],
    ["SIGINT", end("SIGINT")],
    ["SIGHUP", () => {
      log.warning("SIGHUP: reload is not available in this version; restart to apply a changed configuration", {
        event: "reload_unavailable",
      });
    }],
  ];
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return {
    stop: stop.signal,
    force: force.signal,
    dispose() {
      for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}
