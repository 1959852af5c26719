import { z } from "zod";
import { counter, time, timeOrNull } from "./fields.ts";
import { quality, value } from "./tag_schemas.ts";

const id = z.string().min(3).max(256).describe("Id of an alarm: <DevEUI>/<metric>/$alarm");
const comment = z.string().trim().min(1).max(1000);
/** What an alarm is asked to do, by somebody who may say why. */
const request = {
  id,
  event: z.string().regex(/^[0-9a-f]{32}$/).optional().describe(
    "Id of the event that was seen; refused when the alarm changed since. The newest unless told",
  ),
  comment: comment.optional(),
};
const kind = z.enum(["limit", "off_normal", "stale_device", "source_outage", "certificate_expiry", "storage"]);

const alarm = z.object({
  id: z.string(),
  kind,
  source: z.string().describe("What it is about: id of a tag, DevEUI, or gateway"),
  name: z.string(),
  enabled: z.boolean(),
  active: z.boolean(),
  limitState: z.enum(["HighHigh", "High", "Low", "LowLow"]).nullable(),
  acknowledged: z.boolean(),
  confirmed: z.boolean(),
  shelving: z.object({ kind: z.enum(["unshelved", "timed", "one_shot"]), until: timeOrNull() }),
  retain: z.boolean().describe("Somebody should look at it: active, or not acknowledged and confirmed"),
  severity: z.int().min(1).max(1000),
  message: z.string(),
  value,
  quality,
  comment: z.object({ text: z.string(), by: z.string(), time: time() }).nullable(),
  event: z.string().nullable().describe("Id of the newest event; null before the first"),
  time: timeOrNull().describe("When that happened"),
  activeSince: timeOrNull(),
  inactiveSince: timeOrNull(),
  acknowledgedAt: timeOrNull(),
  confirmedAt: timeOrNull(),
});

const event = z.object({
  sequence: counter(),
  cause: z.enum([
    "active",
    "inactive",
    "limit",
    "severity",
    "quality",
    "acknowledged",
    "confirmed",
    "commented",
    "shelved",
    "unshelved",
    "enabled",
    "disabled",
    "removed",
  ]),
  by: z.string().nullable().describe("Who did it; null for the field and the clock"),
  alarm: alarm.describe("Its state right after"),
});

const counts = z.object({
  total: counter(),
  active: counter(),
  unacknowledged: counter().describe("Active or not"),
  shelved: counter(),
});

const flag = (text: string) => z.boolean().optional().describe(text);
const limit = (preset: number) => z.coerce.number().int().min(1).max(1000).default(preset);
const next = z.string().nullable().describe("Pass as cursor for what follows; null: nothing does");

/** Alarms and their journal. */
export const alarmSchemas = {
  "alarms.list": {
    params: z.strictObject({
      retain: flag("Only those that somebody should look at, or only the others"),
      active: flag("Only active ones, or only inactive ones"),
      acknowledged: flag("Only acknowledged ones, or only the others"),
      kind: kind.optional(),
      source: z.string().min(1).max(256).optional().describe("Only alarms of this tag or device"),
      limit: limit(200),
      cursor: z.string().max(256).optional().describe("next of the page before: the last id on it"),
    }),
    result: z.object({
      items: z.array(alarm),
      total: counter().describe("Alarms that match, on all pages"),
      counts: counts.describe("Of all alarms"),
      next,
    }),
  },
  "alarms.journal": {
    params: z.strictObject({
      from: z.string().max(64).optional().describe("ISO 8601 with its offset, or µs since 1970; the first event"),
      to: z.string().max(64).optional().describe("Inclusive; the last event unless told"),
      newestFirst: z.boolean().default(false).describe("The newest first"),
      id: id.optional(),
      source: z.string().min(1).max(256).optional().describe("Only events of this tag or device"),
      limit: limit(200),
      cursor: z.string().max(64).optional().describe("next of the page before, with the same other parameters"),
    }),
    result: z.object({ items: z.array(event), next }),
  },
  "alarms.subscribe": {
    params: z.strictObject({}),
    result: z.object({
      alarms: z.array(alarm).describe("Alarms as they are now; the first item has all of them"),
      removed: z.array(z.string()).describe("Ids of alarms that are no longer there"),
      counts,
    }),
  },
  "alarms.ack": { params: z.strictObject(request), result: alarm },
  "alarms.confirm": { params: z.strictObject(request), result: alarm },
  "alarms.comment": { params: z.strictObject({ ...request, comment }), result: alarm },
  "alarms.shelve": {
    params: z.strictObject({
      ...request,
      seconds: z.coerce.number().gt(0).max(604_800).optional().describe(
        "For so long, at most 7 days; until it goes inactive once unless told",
      ),
    }),
    result: alarm,
  },
  "alarms.unshelve": { params: z.strictObject(request), result: alarm },
  "alarms.enable": { params: z.strictObject(request), result: alarm },
  "alarms.disable": { params: z.strictObject(request), result: alarm },
} as const;

/** The counts of alarms, which the status has too. */
export const alarmCounts = counts;
