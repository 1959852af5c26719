import { getLogger } from "@logtape/logtape";

const log = getLogger(["edgekeep", "supervisor"]);

/** What people and service managers ask of this process by signals. */
export interface ProcessSignals {
  /** Aborted by the first SIGTERM or SIGINT: stop in order. */
  readonly stop: AbortSignal;
  /** Aborted by the second one: stop at once. */
  readonly force: AbortSignal;
  /** Calls the listener at each SIGHUP until the returned function is called. */
  onReload(listener: () => void): () => void;
  /** Stops listening; the signals have their default effect again. */
  dispose(): void;
}

/**
 * A signal that follows the first one sooner is the same request, ms: a terminal sends Ctrl-C to every process of the
 * job, and a parent such as `deno task` passes it on once more.
 */
const sameRequestMs = 750;

/** Listens for SIGTERM, SIGINT and SIGHUP until disposed. */
export function listenForSignals(nowMs: () => number = () => performance.now()): ProcessSignals {
  const stop = new AbortController();
  const force = new AbortController();
  const reloads = new Set<() => void>();
  let stoppedMs = 0;
  const end = (signal: Deno.Signal) => () => {
    if (stop.signal.aborted) {
      if (nowMs() - stoppedMs < sameRequestMs) return;
      log.warning("{signal} again: stopping at once", { event: "stop_forced", signal });
      force.abort();
      return;
    }
    log.info("{signal}: stopping", { event: "stop_requested", signal });
    stoppedMs = nowMs();
    stop.abort();
  };
  const listeners: [Deno.Signal, () => void][] = [
    ["SIGTERM", end("SIGTERM")],
    ["SIGINT", end("SIGINT")],
    ["SIGHUP", () => {
      for (const listener of reloads) listener();
    }],
  ];
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return {
    stop: stop.signal,
    force: force.signal,
    onReload(listener) {
      reloads.add(listener);
      return () => void reloads.delete(listener);
    },
    dispose() {
      for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}
