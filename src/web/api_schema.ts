import { z } from "@hono/zod-openapi";
import { statusParts } from "../operations/schemas/gateway_schemas.ts";
import { hubStatus } from "../operations/schemas/hub_schemas.ts";

/**
 * The shapes of every answer. They make the OpenAPI document, and their types are what the browser program is written
 * against. Times are ISO 8601 in UTC with six fraction digits.
 */
const time = () => z.string().openapi({ format: "date-time", example: "2026-01-31T12:00:00.123456Z" });
const timeOrNull = () => time().nullable();
const counter = () => z.int().min(0);

export const problemSchema = z.object({
  type: z.literal("about:blank"),
  title: z.string(),
  status: z.int(),
  code: z.string().openapi({ description: "Stable name of what went wrong, for programs", example: "unknown_tag" }),
  detail: z.string().openapi({ description: "What went wrong, for people" }),
  field: z.string().optional().openapi({ description: "The parameter it is about" }),
  fix: z.string().optional().openapi({ description: "What to do about it" }),
  details: z.unknown().optional().openapi({
    description: "Further facts for programs, as findings of a configuration",
  }),
  auditId: z.string().optional().openapi({ description: "The audit record of the refusal" }),
}).openapi("Problem");

const severity = z.enum(["good", "uncertain", "bad"]);

export const qualitySchema = z.object({
  code: z.int().min(0).max(0xffffffff).openapi({ description: "OPC UA StatusCode", example: 0x40900000 }),
  name: z.string().openapi({ example: "UncertainLastUsableValue" }),
  severity,
  cause: z.string().openapi({ description: "Why, in words" }),
}).openapi("Quality");

const value = z.union([z.boolean(), z.number(), z.string()]).nullable()
  .openapi({ description: "null before the first value, and for a number that is not finite" });

export const tagSchema = z.object({
  id: z.string().openapi({ example: "a84041ffff1234aa/temperature" }),
  group: z.string(),
  name: z.string(),
  device: z.string().nullable().openapi({ description: "Name of the device; null for the gateway's own tags" }),
  application: z.string().nullable(),
  type: z.enum(["Bool", "Int", "Float", "String"]),
  dataType: z.string().openapi({ description: "OPC UA built-in type it is served as" }),
  nodeId: z.string().openapi({ description: "OPC UA NodeId", example: "ns=2;s=a84041ffff1234aa/temperature" }),
  unit: z.string(),
  range: z.object({ low: z.number(), high: z.number() }).nullable(),
  diagnostic: z.boolean().openapi({ description: "A value that the gateway adds itself, such as $rssi" }),
  stored: z.boolean().openapi({ description: "Whether history keeps it" }),
  staleAfterMs: z.number(),
  value,
  quality: qualitySchema,
  sourceTime: timeOrNull(),
  serverTime: time(),
}).openapi("Tag");

export const tagPageSchema = z.object({
  items: z.array(tagSchema),
  total: counter().openapi({ description: "Tags that match, on all pages" }),
  next: z.string().nullable().openapi({ description: "Cursor of the next page; null on the last" }),
}).openapi("TagPage");

export const tagChangeSchema = z.object({
  id: z.string(),
  value,
  quality: z.int().openapi({ description: "OPC UA StatusCode; names and causes are at /api/v1/qualities" }),
  sourceTime: timeOrNull(),
  serverTime: time(),
}).openapi("TagChange");

export const qualityListSchema = z.object({ items: z.array(qualitySchema) }).openapi("QualityList");

const rawSampleSchema = z.object({
  sourceTime: time(),
  serverTime: time(),
  value,
  quality: z.int(),
  serverMade: z.boolean().openapi({ description: "Made here because the value grew old; the device sent nothing" }),
  backfill: z.boolean().openapi({ description: "Arrived after a newer sample" }),
  counterReset: z.boolean().openapi({ description: "A counter went down: it was reset or replaced" }),
}).openapi("RawSample");

export const rawHistorySchema = z.object({
  tag: z.string(),
  unit: z.string(),
  samples: z.array(rawSampleSchema),
  next: z.string().nullable().openapi({ description: "Cursor of the next page; null when nothing follows" }),
}).openapi("RawHistory");

const bucketSchema = z.object({
  start: time(),
  end: time(),
  count: counter().openapi({ description: "Samples whose status is not bad; with 0 the figures are null" }),
  min: z.number().nullable(),
  max: z.number().nullable(),
  mean: z.number().nullable(),
  first: z.number().nullable(),
  last: z.number().nullable(),
  goodShare: z.number().min(0).max(1).openapi({ description: "Share of samples whose status is good" }),
  goodSeconds: z.number().min(0).openapi({
    description: "How long the status was good; it holds until the next sample",
  }),
}).openapi("Bucket");

export const bucketHistorySchema = z.object({
  tag: z.string(),
  unit: z.string(),
  bucketSeconds: z.number(),
  buckets: z.array(bucketSchema),
}).openapi("BucketHistory");

export const eventSchema = z.object({
  sequence: z.int(),
  time: time(),
  level: z.enum(["info", "warning", "error"]),
  event: z.string().openapi({ description: "Stable name", example: "decoding_error" }),
  subject: z.string(),
  subjectName: z.string().nullable().openapi({ description: "Name of the device that the subject is or belongs to" }),
  text: z.string(),
}).openapi("Event");

export const eventListSchema = z.object({
  instance: z.string().openapi({ description: "Changes when the gateway starts; sequences then begin anew" }),
  items: z.array(eventSchema).openapi({ description: "Oldest first" }),
  next: z.int().openapi({ description: "Pass as 'after' to go on from here" }),
}).openapi("EventList");

export const faultSchema = z.object({
  code: z.string(),
  subject: z.string(),
  subjectName: z.string().nullable(),
  title: z.string(),
  severity: z.enum(["error", "warning", "note"]),
  detail: z.string(),
  cause: z.string(),
  remedy: z.string(),
  since: time(),
}).openapi("Fault");

export const faultListSchema = z.object({ items: z.array(faultSchema) }).openapi("FaultList");

export const deviceSchema = z.object({
  devEui: z.string(),
  name: z.string(),
  applicationId: z.string(),
  applicationName: z.string(),
  enabled: z.boolean(),
  tags: counter().openapi({ description: "Tags of the device, its diagnostics left out" }),
  good: counter(),
  uncertain: counter(),
  bad: counter(),
  waiting: counter().openapi({ description: "Tags that never had a value" }),
  lastSourceTime: timeOrNull().openapi({ description: "Newest time that any of its values carries" }),
}).openapi("Device");

export const devicePageSchema = z.object({
  items: z.array(deviceSchema),
  total: counter(),
  next: z.string().nullable(),
}).openapi("DevicePage");

const sourceSchema = z.object(statusParts.source.shape).openapi("SourceStatus");
const opcuaSchema = z.object(statusParts.opcua.shape).openapi("OpcUaStatus");
const historySchema = z.object(statusParts.history.shape).openapi("HistoryStatus");
const alarmsSchema = z.object(statusParts.alarms.shape).openapi("AlarmsStatus");
const commandsSchema = z.object(statusParts.commands.shape).openapi("CommandsStatus");
const tagsSchema = z.object(statusParts.tags.shape).openapi("TagsStatus");

/** What every role tells of itself. */
const roleStatus = {
  id: z.string(),
  name: z.string(),
  site: z.string(),
  version: z.string(),
  started: time(),
  now: time(),
  verdict: z.enum(["ok", "attention", "failed", "not_set_up"]),
  summary: z.string().openapi({ description: "The verdict as a sentence" }),
  faults: z.array(faultSchema),
  process: z.object({ rssBytes: counter(), heapUsedBytes: counter() }),
};

export const statusSchema = z.object({
  role: z.literal("gateway"),
  ...roleStatus,
  sources: z.array(sourceSchema),
  tags: tagsSchema,
  opcua: opcuaSchema.nullable(),
  history: historySchema,
  alarms: alarmsSchema,
  commands: commandsSchema,
}).openapi("Status");

export const hubStatusSchema = z.object({
  role: z.literal("hub"),
  ...roleStatus,
  hub: z.object(hubStatus.shape).openapi("HubStatus"),
}).openapi("HubRoleStatus");

export const sessionSchema = z.object({
  state: z.enum(["open", "unclaimed", "damaged"]).openapi({
    description:
      "unclaimed: nobody can log in yet, the first admin is made with the set-up code; damaged: the store of " +
      "users could not be read, and only credentials of the configuration get in",
  }),
  principal: z.object({
    name: z.string(),
    role: z.enum(["viewer", "operator", "engineer", "admin"]),
    kind: z.enum([
      "local",
      "control_token",
      "config_user",
      "password",
      "session",
      "api_token",
      "paired_token",
      "certificate",
      "loopback",
    ]).openapi({ description: "What the caller has proved itself with" }),
    user: z.string().nullable().openapi({
      description: "The stored user, who can change the password; null for others",
    }),
    expires: timeOrNull().openapi({ description: "End of the credential; null until it is revoked" }),
  }).nullable().openapi({ description: "Who is asking; null for somebody unknown" }),
  service: z.enum(["gateway", "hub"]).openapi({ description: "What serves this page" }),
  auth: z.enum(["local", "token"]).openapi({ description: "local: loopback clients look without logging in" }),
  secure: z.boolean().openapi({ description: "Whether this request came over TLS" }),
  debugOpenUntil: timeOrNull().openapi({
    description: "Until when debug operations are unlocked; null to the unknown",
  }),
}).openapi("Session");

export const loginSchema = z.union([
  z.strictObject({ user: z.string().min(1).max(256), password: z.string().min(1).max(1024) }),
  z.strictObject({ token: z.string().min(1).max(512) }),
]).openapi("Login");

export const healthSchema = z.object({ status: z.literal("ok") }).openapi("Health");

export type TagAnswer = z.infer<typeof tagSchema>;
export type TagPageAnswer = z.infer<typeof tagPageSchema>;
export type TagChangeAnswer = z.infer<typeof tagChangeSchema>;
export type QualityAnswer = z.infer<typeof qualitySchema>;
export type RawHistoryAnswer = z.infer<typeof rawHistorySchema>;
export type RawSampleAnswer = z.infer<typeof rawSampleSchema>;
export type BucketHistoryAnswer = z.infer<typeof bucketHistorySchema>;
export type EventAnswer = z.infer<typeof eventSchema>;
export type EventListAnswer = z.infer<typeof eventListSchema>;
export type FaultAnswer = z.infer<typeof faultSchema>;
export type DeviceAnswer = z.infer<typeof deviceSchema>;
export type StatusAnswer = z.infer<typeof statusSchema>;
export type HubStatusAnswer = z.infer<typeof hubStatusSchema>;
export type SessionAnswer = z.infer<typeof sessionSchema>;
export type LoginRequest = z.infer<typeof loginSchema>;
export type ProblemAnswer = z.infer<typeof problemSchema>;
