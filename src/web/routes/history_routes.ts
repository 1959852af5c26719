import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Tag } from "../../tags/tag.ts";
import type { PlantContext, WebEnv } from "../api_context.ts";
import { problemAnswer, timeParameter } from "../api_route.ts";
import { bucketHistorySchema, rawHistorySchema } from "../api_schema.ts";
import { formatTime } from "../../telemetry/time_text.ts";
import { makeCursor, readCursor } from "../cursor.ts";
import { bucketsAsCsv, firstPage, rawAsCsv, rawAsJson, type RowSpan } from "../history_text.ts";
import { Problem } from "../problem.ts";
import { textStream } from "../text_stream.ts";
import { requireTag } from "./tag_routes.ts";

const MAX_BUCKETS = 100_000;
const tagParameter = z.string().min(3).max(256).openapi({ example: "a84041ffff1234aa/temperature" });
const format = z.enum(["json", "csv"]).default("json");
const csv = { "text/csv": { schema: z.string() } };
const refusals = {
  400: problemAnswer("A parameter does not fit"),
  404: problemAnswer("No such tag, or one that history does not keep"),
  503: problemAnswer("History cannot be read now"),
};

/** Adds reading of stored values: every sample, or buckets. */
export function addHistoryRoutes(app: OpenAPIHono<WebEnv>, context: PlantContext): void {
  const { tags, history } = context;

  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/history",
      tags: ["history"],
      summary: "Stored samples of a tag, streamed as they are read",
      request: {
        query: z.strictObject({
          tag: tagParameter,
          from: timeParameter().optional(),
          to: timeParameter().optional(),
          direction: z.enum(["forward", "reverse"]).default("forward"),
          limit: z.coerce.number().int().min(1).max(1_000_000).optional().openapi({
            description: "Rows in this answer: 1000 unless told for JSON, all for CSV",
          }),
          cursor: z.string().max(1024).optional(),
          format,
        }),
      },
      responses: {
        200: { description: "The samples", content: { "application/json": { schema: rawHistorySchema }, ...csv } },
        ...refusals,
      },
    }),
    async (c) => {
      const query = c.req.valid("query");
      const tag = requireStored(requireTag(tags, query.tag));
      const { from = null, to = null, direction, cursor } = query;
      if (from !== null && to !== null && from > to) throw badRange(from, to);
      const span: RowSpan = {
        tagId: tag.id,
        fromUs: from,
        toUs: to,
        direction,
        limit: query.limit ?? (query.format === "csv" ? Infinity : 1000),
        ...(cursor === undefined ? {} : { after: { timeUs: cursorTime(cursor, tag, direction) } }),
      };
      const leave = history.enter();
      const gone = new AbortController();
      const signal = AbortSignal.any([gone.signal, c.req.raw.signal]);
      try {
        const first = await history.ask(firstPage(history.queries, span, signal));
        const { type, unit } = tag.definition;
        const text = query.format === "csv" ? rawAsCsv(history.queries, span, first, signal, type) : rawAsJson(
          history.queries,
          span,
          first,
          signal,
          { tag: tag.id, unit, type },
          (timeUs) => makeCursor("history", tag.id, direction, timeUs),
        );
        const body = textStream(text, {
          onEnd: () => {
            leave();
            gone.abort();
          },
          onError: (error) => {
            history.brokeOff(tag, error);
            c.env?.outgoing?.destroy();
            return c.env?.outgoing !== undefined;
          },
        });
        return c.body(body, 200, bodyHeaders(query.format, tag));
      } catch (error) {
        leave();
        throw error;
      }
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/history/buckets",
      tags: ["history"],
      summary: "Count, minimum, maximum, mean, first and last of a tag in buckets of equal width",
      request: {
        query: z.strictObject({
          tag: tagParameter,
          from: timeParameter(),
          to: timeParameter().optional().openapi({ description: "Exclusive; now unless told" }),
          bucket_seconds: z.coerce.number().min(1).max(31_536_000).default(3600),
          format,
        }),
      },
      responses: {
        200: { description: "The buckets", content: { "application/json": { schema: bucketHistorySchema }, ...csv } },
        ...refusals,
      },
    }),
    async (c) => {
      const query = c.req.valid("query");
      const tag = requireStored(requireTag(tags, query.tag));
      if (tag.definition.type === "String") {
        throw new Problem(400, "not_numeric", `Tag '${tag.id}' holds text, which has no minimum or mean`, {
          field: "tag",
          fix: "Read its samples at /api/v1/history",
        });
      }
      const fromUs = query.from;
      const toUs = query.to ?? context.status().nowUs;
      const bucketUs = Math.round(query.bucket_seconds * 1_000_000);
      if (fromUs >= toUs) throw badRange(fromUs, toUs);
      if ((toUs - fromUs) / bucketUs > MAX_BUCKETS) {
        throw new Problem(400, "too_many_buckets", `The range holds more than ${MAX_BUCKETS} buckets`, {
          field: "bucket_seconds",
          fix: "Ask for wider buckets or a shorter range",
        });
      }
      const leave = history.enter();
      try {
        const buckets = await history.ask(
          history.queries.readBuckets({ tagId: tag.id, fromUs, toUs, bucketUs }, c.req.raw.signal),
        );
        if (query.format === "csv") return c.body(bucketsAsCsv(buckets), 200, bodyHeaders("csv", tag));
        return c.json({
          tag: tag.id,
          unit: tag.definition.unit,
          bucketSeconds: query.bucket_seconds,
          buckets: buckets.map(({ startUs, endUs, ...rest }) => ({
            start: formatTime(startUs),
            end: formatTime(endUs),
            ...rest,
          })),
        }, 200);
      } finally {
        leave();
      }
    },
  );
}

function requireStored(tag: Tag): Tag {
  if (tag.definition.retentionDays !== null) return tag;
  throw new Problem(404, "tag_not_stored", `History does not keep tag '${tag.id}'`, {
    field: "tag",
    fix: "Diagnostics are live only: read them at /api/v1/tags",
  });
}

function badRange(fromUs: number, toUs: number): Problem {
  return new Problem(
    400,
    "bad_range",
    `The range ends before it begins: ${formatTime(fromUs)} to ${formatTime(toUs)}`,
    {
      field: "from",
      fix: "Give 'from' a time before 'to'",
    },
  );
}

function cursorTime(cursor: string, tag: Tag, direction: string): number {
  const [id, way, timeUs] = readCursor("history", cursor);
  if (id === tag.id && way === direction && typeof timeUs === "number") return timeUs;
  throw new Problem(400, "bad_cursor", "The cursor belongs to another tag or direction", {
    field: "cursor",
    fix: "Ask on with the same tag and direction as for the page before",
  });
}

function bodyHeaders(as: "json" | "csv", tag: Tag): Record<string, string> {
  if (as === "json") return { "content-type": "application/json" };
  const name = `${tag.id.replaceAll(/[^A-Za-z0-9._-]/g, "_")}.csv`;
  return { "content-type": "text/csv; charset=utf-8", "content-disposition": `attachment; filename="${name}"` };
}
