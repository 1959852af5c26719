import type { Config } from "../../config/schema.ts";
import type { ConfiguredRole } from "../../policy/configured_role.ts";
import { judgeCall } from "../../policy/judge_call.ts";
import { type OperationName, operations, operationsOf } from "../../policy/operations.ts";
import type { FeedEntry } from "../../telemetry/event_feed.ts";
import { tapLog } from "../../telemetry/log.ts";
import type { LogMessage } from "../../telemetry/log_message.ts";
import { formatTime, formatTimeOrNull } from "../../telemetry/time_text.ts";
import { askerOf, requirePrincipal } from "../asker.ts";
import { answers, streams } from "../define.ts";
import type { CallContext, Operation } from "../operation.ts";
import type { RoleParts } from "../operation_parts.ts";
import { viewEvent, viewFault } from "../views.ts";
import { Wake } from "../wake.ts";

/** Items that wait for a caller who reads slowly; beyond, the oldest are left out. */
const MOST_WAITING = 1000;

/** The process itself: who it is, what happens, and its life. */
export function roleOperations(parts: RoleParts, role: ConfiguredRole): Operation[] {
  const { gateway, access, faults, debug, host, status } = parts;
  return [
    answers("hello", (_, context) => ({
      product: "edgekeep",
      name: parts.config().gateway.name,
      version: gateway.version,
      state: access.state,
      principal: principalOf(context),
      operations: callable(parts, role, context),
    })),
    answers("whoami", (_, context) => {
      const { name, role, kind, credential, user, expiresUs } = requirePrincipal(context);
      const { transport, address } = context.caller;
      return { name, role, kind, credential, user, expires: formatTimeOrNull(expiresUs), transport, address };
    }),
    answers("health", () => {
      const { verdict, summary } = status();
      return { ready: parts.isReady(), verdict, summary, faults: faults.list().length };
    }),
    answers("faults", () => ({ items: faults.list().map(viewFault) })),
    streams("events.tail", (params, { signal }) => tailEvents(parts, params, signal)),
    answers("log.level", async ({ level }, { note }) => {
      note("level", level ?? "configured");
      return await host.call("log.level", { level });
    }),
    streams("debug.trace", (params, { signal }) => trace(parts, params, signal)),
    answers("debug.unlock", ({ minutes }, context) => {
      context.note("minutes", minutes);
      return { openUntil: formatTime(debug.unlock(minutes, requirePrincipal(context).name)) };
    }),
    answers("debug.lock", (_, context) => {
      debug.lock(requirePrincipal(context).name);
      return {};
    }),
    answers("restart", async (_, context) => {
      await host.call("restart", { by: askerOf(context) });
      return {};
    }),
    answers("shutdown", async (_, context) => {
      await host.call("shutdown", { by: askerOf(context) });
      return {};
    }),
  ];
}

function principalOf({ caller: { principal } }: CallContext) {
  return principal === null ? null : { name: principal.name, role: principal.role };
}

/** What the caller may do now; of an operation that changes something on some targets alone, that it may be tried. */
function callable({ debug, config }: RoleParts, role: ConfiguredRole, { caller }: CallContext): OperationName[] {
  const { remote } = config().runtime;
  return operationsOf(role).filter((name) =>
    judgeCall({
      operation: name,
      rule: operations[name],
      role: caller.principal?.role ?? null,
      address: caller.address,
      debugOpen: debug.isOpen(),
      remote,
      target: null,
    }).allowed
  );
}

async function* tailEvents(
  { feed }: RoleParts,
  { after, follow, limit }: { readonly after?: number | undefined; readonly follow: boolean; readonly limit: number },
  signal: AbortSignal,
) {
  const waiting: FeedEntry[] = [];
  const wake = new Wake();
  const leave = feed.subscribe((entry) => {
    waiting.push(entry);
    if (waiting.length > MOST_WAITING) waiting.shift();
    wake.ring();
  });
  try {
    const known = feed.since(after);
    let sent = 0;
    for (const entry of after === undefined ? known.slice(-limit) : known.slice(0, limit)) {
      if (signal.aborted) return;
      sent = entry.sequence;
      yield viewEvent(entry);
    }
    sent = Math.max(sent, known.at(-1)?.sequence ?? 0);
    while (follow && !signal.aborted) {
      for (let entry = waiting.shift(); entry !== undefined && !signal.aborted; entry = waiting.shift()) {
        if (entry.sequence > sent) yield viewEvent(entry);
      }
      await wake.wait(signal);
    }
  } finally {
    leave();
  }
}

async function* trace(
  { config, debug, feed }: RoleParts,
  { seconds, category }: { readonly seconds: number; readonly category: string },
  signal: AbortSignal,
) {
  const secrets = await secretsOf(config());
  const waiting: LogMessage[] = [];
  const wake = new Wake();
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), seconds * 1000);
  const stop = () => over.abort();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  let missed = 0;
  // the feed tells when debugging is locked
  const unfollow = feed.subscribe(() => wake.ring());
  const leave = tapLog((record) => {
    const room = record.category.slice(record.category[0] === "edgekeep" ? 1 : 0).join(".");
    if (category !== "" && room !== category && !room.startsWith(`${category}.`)) return;
    waiting.push(record);
    if (waiting.length > MOST_WAITING) {
      waiting.shift();
      missed++;
    }
    wake.ring();
  }, secrets);
  try {
    while (!over.signal.aborted && debug.isOpen()) {
      for (let record = waiting.shift(); record !== undefined; record = waiting.shift()) {
        if (over.signal.aborted || !debug.isOpen()) return;
        const item = { ...viewRecord(record), missed };
        missed = 0;
        yield item;
      }
      await wake.wait(over.signal);
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    unfollow();
    leave();
  }
}

function viewRecord({ timestampMs, level, category, message, properties }: LogMessage) {
  const room = category.slice(category[0] === "edgekeep" ? 1 : 0).join(".");
  return { time: formatTime(timestampMs * 1000), level, category: room, message, fields: { ...properties } };
}

/** Secrets that this configuration holds. The schema, which knows them, is not loaded before somebody traces. */
async function secretsOf(config: Config): Promise<string[]> {
  const { secretPaths } = await import("../../config/secrets.ts");
  return secretPaths().flatMap((path) => {
    let value: unknown = config;
    for (const key of path) value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
    return typeof value === "string" && value !== "" ? [value] : [];
  });
}
