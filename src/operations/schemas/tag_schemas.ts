import { z } from "zod";
import { counter, tagIdText, time, timeOrNull } from "./fields.ts";

export const value = z.union([z.boolean(), z.number(), z.string()]).nullable().describe(
  "null before the first value, and for a number that is not finite",
);
const pattern = z.string().min(1).max(256).optional().describe(
  "Pattern for the id: * stands for any characters, ? for one",
);

export const quality = z.object({
  code: z.int().min(0).max(0xffffffff).describe("OPC UA StatusCode"),
  name: z.string(),
  severity: z.enum(["good", "uncertain", "bad"]),
  cause: z.string().describe("Why, in words"),
});

const tag = z.object({
  id: z.string(),
  device: z.string().nullable(),
  application: z.string().nullable(),
  type: z.enum(["Bool", "Int", "Float", "String"]),
  dataType: z.string(),
  unit: z.string(),
  value,
  quality,
  sourceTime: timeOrNull(),
  serverTime: time(),
  forced: z.boolean().describe("The value was forced here; the field's is hidden until it is unforced"),
});

const change = z.object({ id: z.string(), value, quality, sourceTime: timeOrNull(), serverTime: time() });

const sample = z.object({
  sourceTime: time(),
  serverTime: time(),
  value,
  quality: counter(),
  serverMade: z.boolean().describe("Made here; the device sent nothing"),
  backfill: z.boolean().describe("Arrived after a newer sample"),
  counterReset: z.boolean(),
});

const bucket = z.object({
  start: time(),
  end: time(),
  count: counter(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  mean: z.number().nullable(),
  first: z.number().nullable(),
  last: z.number().nullable(),
  goodShare: z.number(),
  goodSeconds: z.number(),
});

const next = z.string().nullable().describe("Pass as cursor for what follows; null: nothing does");

/** Live and stored values. */
export const tagSchemas = {
  "tags.list": {
    params: z.strictObject({
      pattern,
      forced: z.boolean().optional().describe("Only tags that are, or are not, forced"),
      limit: z.coerce.number().int().min(1).max(1000).default(200),
      cursor: z.string().max(256).optional().describe("next of the page before"),
    }),
    result: z.object({ items: z.array(tag), total: counter().describe("Tags that match, on all pages"), next }),
  },
  "tags.read": {
    params: z.strictObject({ ids: z.array(tagIdText()).min(1).max(1000) }),
    result: z.object({ items: z.array(tag), unknown: z.array(z.string()).describe("Ids of no tag") }),
  },
  "tags.subscribe": {
    params: z.strictObject({ pattern, ids: z.array(tagIdText()).min(1).max(1000).optional() }),
    result: z.object({
      changes: z.array(change).describe("Newest values; the first item has those of all tags"),
      removed: z.array(z.string()).describe("Tags that are no longer there"),
    }),
  },
  "tags.force": {
    params: z.strictObject({ id: tagIdText(), value: z.union([z.boolean(), z.number(), z.string().max(8192)]) }),
    result: tag,
  },
  "tags.unforce": { params: z.strictObject({ id: tagIdText() }), result: tag },
  "history.query": {
    params: z.strictObject({
      tag: tagIdText(),
      from: z.string().max(64).optional().describe("ISO 8601 with its offset, or µs since 1970; the first sample"),
      to: z.string().max(64).optional().describe("Inclusive for samples, exclusive for buckets; now unless told"),
      limit: z.coerce.number().int().min(1).max(10_000).default(1000),
      newestFirst: z.boolean().default(false).describe("Samples alone: the newest first"),
      bucketSeconds: z.coerce.number().min(1).max(31_536_000).optional().describe(
        "Answer with buckets of this width; from is a day before to unless told",
      ),
      cursor: z.string().max(64).optional().describe("next of the page before, with the same other parameters"),
    }),
    result: z.union([
      z.object({ tag: z.string(), unit: z.string(), samples: z.array(sample), next }),
      z.object({ tag: z.string(), unit: z.string(), bucketSeconds: z.number(), buckets: z.array(bucket), next }),
    ]),
  },
} as const;
