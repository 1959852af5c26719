import { z } from "zod";
import { counter, nothing, time } from "./fields.ts";

const finding = z.object({
  rule: z.string(),
  severity: z.enum(["error", "warning", "note"]),
  path: z.string(),
  line: z.int().nullable(),
  file: z.string().nullable(),
  text: z.string(),
  fix: z.string(),
});

const effect = z.enum(["live", "control", "web", "source", "opcua", "worker", "process"]);

const change = z.object({
  path: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
  effect,
});

const planShape = {
  ok: z.boolean(),
  findings: z.array(finding),
  changes: z.array(change).describe("Secrets are masked"),
  effect: effect.nullable().describe("What applying it restarts"),
};

const outcome = z.object({
  ...planShape,
  applied: z.boolean(),
  reason: z.enum(["validation", "io", "conflict", "rolled_back"]).nullable(),
  error: z.string().nullable(),
  version: z.int().nullable(),
  durationMs: z.number(),
});

const text = z.string().max(1_048_576).describe("The whole file, TOML");
/** Keys of one change, and characters of their values together: each key has the whole text read again. */
const MOST_KEYS = 64;
const MOST_CHARACTERS = 65_536;

const set = z.record(z.string().min(1).max(512), z.string().max(MOST_CHARACTERS).nullable()).refine(
  (given) => Object.keys(given).length <= MOST_KEYS,
  `must name at most ${MOST_KEYS} keys`,
).refine(
  (given) => Object.values(given).reduce((sum, value) => sum + (value?.length ?? 0), 0) <= MOST_CHARACTERS,
  `must hold at most ${MOST_CHARACTERS} characters`,
).describe(
  'Key path → value as TOML, as {"runtime.web.listen": "\\"127.0.0.1:9000\\""}; null removes the key; at most 64 keys',
);

/** The configuration: reading, planning, changing it. */
export const configSchemas = {
  "config.get": {
    params: nothing,
    result: z.object({
      file: z.string(),
      text: z.string(),
      etag: z.string().describe("Names this text; config.apply refuses when the file has changed since"),
      values: z.array(z.object({ path: z.string(), value: z.string(), origin: z.string() })),
    }),
  },
  "config.diff": {
    params: z.strictObject({ text: text.optional(), set: set.optional() }).refine(
      (proposal) => (proposal.text === undefined) !== (proposal.set === undefined),
      "must hold either text or set",
    ),
    result: z.object(planShape),
  },
  "config.set": {
    params: z.strictObject({
      set: set.refine((set) => Object.keys(set).length > 0, "must name a key"),
      etag: z.string().max(128).optional(),
    }),
    result: outcome,
  },
  "config.apply": { params: z.strictObject({ text, etag: z.string().max(128).optional() }), result: outcome },
  "config.reload": { params: nothing, result: outcome },
  "config.versions": {
    params: nothing,
    result: z.object({
      versions: z.array(z.object({
        version: counter(),
        time: time(),
        by: z.string(),
        trigger: z.enum(["start", "sighup", "control", "web", "cli", "restore"]),
        changes: z.array(change),
        current: z.boolean(),
      })),
    }),
  },
  "config.restore": { params: z.strictObject({ version: z.coerce.number().int().min(1) }), result: outcome },
} as const;
