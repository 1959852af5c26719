import { z } from "zod";
import { logLevels } from "../../telemetry/log_message.ts";
import { alarmCounts } from "./alarm_schemas.ts";
import { hubStatus } from "./hub_schemas.ts";
import { counter, nothing, role, time, timeOrNull } from "./fields.ts";

const fault = z.object({
  code: z.string(),
  subject: z.string().describe("What it concerns; empty for the whole gateway"),
  title: z.string(),
  severity: z.enum(["error", "warning", "note"]),
  detail: z.string(),
  cause: z.string(),
  remedy: z.string(),
  since: time(),
});

const event = z.object({
  sequence: counter(),
  time: time(),
  level: z.enum(["info", "warning", "error"]),
  event: z.string(),
  subject: z.string(),
  text: z.string(),
});

const source = z.object({
  name: z.string(),
  mode: z.string(),
  address: z.string(),
  state: z.enum(["connecting", "connected", "degraded", "disconnected", "stopped"]),
  since: time(),
  devices: counter(),
  devicesStreaming: counter(),
  events: counter(),
  decodingErrors: counter(),
  reconnects: counter(),
  lastEvent: timeOrNull(),
  lastError: z.string().nullable(),
});

const tags = z.object({
  total: counter(),
  good: counter(),
  uncertain: counter(),
  bad: counter(),
  waiting: counter(),
  samplesLive: counter(),
  samplesBackfill: counter(),
  samplesPerSecond: z.number(),
});

const opcua = z.object({
  endpoints: z.array(z.string()),
  securityPolicies: z.array(z.string()),
  sessions: counter(),
  maxSessions: counter(),
  subscriptions: counter(),
  monitoredItems: counter(),
  variables: counter(),
  rejectedLogins: counter(),
  certificateNotAfter: timeOrNull(),
});

const history = z.object({
  fileBytes: counter(),
  series: counter(),
  rowsWritten: counter(),
  rowsPending: counter(),
  rowsPruned: counter(),
  lastWrite: timeOrNull(),
  lastBackup: timeOrNull(),
  integrity: z.enum(["unknown", "ok", "failed"]),
});

const commandCounts = z.object({
  open: counter().describe("That have not ended"),
  unknown: counter().describe("That ended within a day without anybody knowing whether they were sent"),
});

/** Parts of the status, which the web API's status has too. */
export const statusParts = { source, tags, opcua, history, alarms: alarmCounts, commands: commandCounts };

const verdict = z.enum(["ok", "attention", "failed", "not_set_up"]);

/** What every role tells of itself. */
const common = {
  id: z.string(),
  name: z.string(),
  site: z.string(),
  version: z.string(),
  started: time(),
  now: time(),
  verdict,
  summary: z.string().describe("The verdict as a sentence"),
  faults: z.array(fault),
  process: z.object({ rssBytes: counter(), heapUsedBytes: counter() }),
};

const openNow = {
  sessions: counter().describe("Open sessions of all listeners"),
  debugOpenUntil: timeOrNull(),
  debugOpen: z.boolean(),
};

/** The process itself: who it is, how it is doing, what happened, and its life. */
export const gatewaySchemas = {
  "hello": {
    params: nothing,
    result: z.object({
      product: z.literal("edgekeep"),
      name: z.string().describe("Name of this gateway"),
      version: z.string(),
      state: z.enum(["open", "unclaimed", "damaged"]).describe("unclaimed: only setup.claim gets anybody in"),
      principal: z.object({ name: z.string(), role: role() }).nullable().describe("Who you are; null: nobody"),
      operations: z.array(z.string()).describe("Operations that you may call now"),
    }),
  },
  "whoami": {
    params: nothing,
    result: z.object({
      name: z.string(),
      role: role(),
      kind: z.string().describe("What you proved yourself with"),
      credential: z.string(),
      user: z.string().nullable(),
      expires: timeOrNull(),
      transport: z.string(),
      address: z.string(),
    }),
  },
  "status": {
    params: nothing,
    result: z.discriminatedUnion("role", [
      z.object({
        role: z.literal("gateway"),
        ...common,
        sources: z.array(source),
        tags,
        forced: counter().describe("Tags whose value is forced"),
        opcua: opcua.nullable(),
        history,
        alarms: alarmCounts,
        commands: commandCounts,
        ...openNow,
      }),
      z.object({ role: z.literal("hub"), ...common, hub: hubStatus, ...openNow }),
    ]),
  },
  "health": {
    params: nothing,
    result: z.object({ ready: z.boolean(), verdict, summary: z.string(), faults: counter() }),
  },
  "faults": { params: nothing, result: z.object({ items: z.array(fault) }) },
  "events.tail": {
    params: z.strictObject({
      after: z.coerce.number().int().min(0).optional().describe("Only events after this sequence"),
      follow: z.boolean().default(false).describe("Go on with those that come"),
      limit: z.coerce.number().int().min(1).max(500).default(100).describe("Most of those that are there already"),
    }),
    result: event,
  },
  "log.level": {
    params: z.strictObject({
      level: z.enum(logLevels).nullable().describe("null: the configured level"),
    }),
    result: z.object({ level: z.enum(logLevels) }),
  },
  "debug.trace": {
    params: z.strictObject({
      seconds: z.coerce.number().int().min(1).max(300).default(60),
      category: z.string().max(64).default("").describe("Only records of this room, as opcua"),
    }),
    result: z.object({
      time: time(),
      level: z.enum(logLevels),
      category: z.string(),
      message: z.string(),
      fields: z.record(z.string(), z.unknown()),
      missed: counter().describe("Records left out before this one as the caller reads too slowly"),
    }),
  },
  "debug.unlock": {
    params: z.strictObject({ minutes: z.coerce.number().int().min(1).max(60).default(15) }),
    result: z.object({ openUntil: time() }),
  },
  "debug.lock": { params: nothing, result: nothing },
  "restart": { params: nothing, result: nothing },
  "shutdown": { params: nothing, result: nothing },
} as const;
