import { Counter, Gauge, Registry } from "prom-client";
import { EventLoopStall } from "./event_loop_stall.ts";
import type { RoleStatus } from "./status.ts";

/** A value with its labels. */
export type Reading = readonly [labels: Readonly<Record<string, string>>, value: number];

type Add<Status> = (
  name: string,
  help: string,
  labelNames: string[],
  read: (now: Status) => readonly Reading[],
) => void;

/** Metrics that a role adds its own to. */
export interface RoleMetrics<Status> {
  readonly registry: Registry;
  /** Adds `edgekeep_<name>`. */
  readonly gauge: Add<Status>;
  /** Adds `edgekeep_<name>_total`. */
  readonly counter: Add<Status>;
  /** Ends the measuring of the event loop. */
  stop(): void;
}

/**
 * Metrics that every role has, all named `edgekeep_…`, read from `status` when they are scraped. prom-client's own
 * default metrics are not among them: they read /proc, which the sandbox refuses.
 */
export function roleMetrics<Status extends RoleStatus>(status: () => Status): RoleMetrics<Status> {
  const registry = new Registry();
  const stall = new EventLoopStall();
  const snapshot = sharedInOneScrape(status);
  const one = (read: (now: Status) => number) => (now: Status): Reading[] => [[{}, read(now)]];

  function gauge(name: string, help: string, labelNames: string[], read: (now: Status) => readonly Reading[]) {
    new Gauge({
      name: `edgekeep_${name}`,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        // a reset metric without labels reads 0: what is not known is not shown at all
        if (labelNames.length === 0) this.remove({});
        for (const [labels, value] of read(snapshot())) this.set(labels, value);
      },
    });
  }
  function counter(name: string, help: string, labelNames: string[], read: (now: Status) => readonly Reading[]) {
    new Counter({
      name: `edgekeep_${name}_total`,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        // a reset metric without labels reads 0: what is not known is not shown at all
        if (labelNames.length === 0) this.remove({});
        for (const [labels, value] of read(snapshot())) this.inc(labels, value);
      },
    });
  }

  gauge("info", "Which gateway or hub this is; always 1", ["id", "name", "site", "version"], (now) => {
    const { id, name, site, version } = now;
    return [[{ id, name, site, version }, 1]];
  });
  gauge(
    "up_verdict",
    "1 for the verdict that holds: ok, attention, failed, not_set_up",
    ["verdict"],
    (now) =>
      ["ok", "attention", "failed", "not_set_up"].map((verdict) => [{ verdict }, verdict === now.verdict ? 1 : 0]),
  );
  gauge(
    "uptime_seconds",
    "Time since the worker started",
    [],
    one((now) => seconds(now.nowUs - now.startedUs)),
  );
  gauge("process_resident_memory_bytes", "Memory of the whole process", [], one((now) => now.process.rssBytes));
  gauge(
    "process_heap_used_bytes",
    "JavaScript heap of the worker",
    [],
    one((now) => now.process.heapUsedBytes),
  );
  gauge(
    "event_loop_stall_seconds",
    "Longest time the event loop stood still since the last scrape",
    [],
    () => [
      [{}, stall.takeLongestMs() / 1000],
    ],
  );
  gauge("faults", "Faults present now, by code", ["code", "severity"], countFaults);

  return { registry, gauge, counter, stop: () => stall.stop() };
}

const seconds = (timeUs: number) => timeUs / 1_000_000;

function countFaults(now: RoleStatus): Reading[] {
  const counts = new Map<string, [Record<string, string>, number]>();
  for (const { code, severity } of now.faults) {
    counts.set(code, [{ code, severity }, (counts.get(code)?.[1] ?? 0) + 1]);
  }
  return [...counts.values()];
}

/** prom-client asks all metrics of a scrape in one go: one look at the status serves them all. */
function sharedInOneScrape<Status>(status: () => Status): () => Status {
  let current: Status | null = null;
  return () => {
    if (current === null) {
      current = status();
      queueMicrotask(() => current = null);
    }
    return current;
  };
}
