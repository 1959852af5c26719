import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { addressKey } from "../../config/address_key.ts";
import { Quality, severityOf } from "../../tags/quality.ts";
import { type Tag, tagId } from "../../tags/tag.ts";
import type { TagStore } from "../../tags/tag_store.ts";
import type { PlantContext, WebEnv } from "../api_context.ts";
import { jsonAnswer, problemAnswer } from "../api_route.ts";
import { qualityListSchema, tagChangeSchema, tagPageSchema, tagSchema } from "../api_schema.ts";
import { makeCursor, readCursor } from "../cursor.ts";
import { matchesGlob } from "../../tags/glob.ts";
import { Problem } from "../problem.ts";
import { viewQuality, viewTag } from "../tag_view.ts";

const filterShape = {
  group: z.string().min(1).max(128).optional().openapi({ description: "A DevEUI, or 'gateway'" }),
  glob: z.string().min(1).max(256).optional().openapi({
    description: "Pattern for the id: * stands for any characters, ? for one",
    example: "*/temperature",
  }),
};

const qualities = z.enum(["good", "uncertain", "bad", "not_good"]);

/** Adds the live tags: list, single tag, live stream. */
export function addTagRoutes(app: OpenAPIHono<WebEnv>, context: PlantContext): void {
  const { tags, devices, hub } = context;
  const sorted = sortedTags(tags, () => hub.definitions);

  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/tags",
      tags: ["tags"],
      summary: "Tags with their newest value, ordered by id",
      request: {
        query: z.strictObject({
          ...filterShape,
          quality: qualities.optional(),
          diagnostics: z.enum(["true", "false"]).default("true").openapi({
            description: "Whether values that the gateway adds itself ($rssi, …) are listed",
          }),
          limit: z.coerce.number().int().min(1).max(1000).default(200),
          cursor: z.string().max(1024).optional(),
        }),
      },
      responses: { 200: jsonAnswer(tagPageSchema, "A page"), 400: problemAnswer("A parameter does not fit") },
    }),
    (c) => {
      const { group, glob, quality, diagnostics, limit, cursor } = c.req.valid("query");
      const after = cursor === undefined ? null : afterCursor(cursor);
      const wants = wantsTag(group, glob);
      const matching = sorted().filter((tag) =>
        wants(tag) && (quality === undefined || hasQuality(tag, quality)) &&
        (diagnostics === "true" || !tag.definition.name.startsWith("$"))
      );
      const start = after === null ? 0 : firstBehind(matching, after);
      const page = matching.slice(start, start + limit);
      const last = page.at(-1);
      const next = last === undefined || start + limit >= matching.length ? null : makeCursor("tags", last.id);
      return c.json({ items: page.map((tag) => viewTag(tag, tags, devices)), total: matching.length, next }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/qualities",
      tags: ["tags"],
      summary: "Every status code that a tag can carry, with its cause in words",
      responses: { 200: jsonAnswer(qualityListSchema, "The codes") },
    }),
    (c) => c.json({ items: Object.values(Quality).map(viewQuality) }, 200),
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/tags/stream",
      tags: ["tags"],
      summary: "Live values as server-sent events",
      description: [
        "Events: `hello` {instance, now}; `reset` {count}: forget everything, all tags follow; `tags`: a list of TagChange;",
        "`definitions` {count}: tags were added, removed or redefined, read the list again; `heartbeat` {now};",
        "`status` (a Status, with=status), `event` (an Event, with=events) and `alarms` {counts}: alarms changed, read",
        "those again that you show (with=alarms).",
        "Changes within 75 ms are sent together and a tag appears with its newest value, so a client that reads slowly",
        "misses values in between, which history keeps. After a break the stream goes on behind Last-Event-ID when that",
        "is still known, else with `reset`.",
      ].join(" "),
      request: {
        query: z.strictObject({
          ...filterShape,
          with: z.string().regex(
            /^(status|events|alarms)(,(status|events|alarms))*$/,
            "expected status, events, alarms or several of them",
          )
            .optional(),
          last_event_id: z.string().max(64).optional().openapi({ description: "As the header Last-Event-ID" }),
        }),
        headers: z.object({ "last-event-id": z.string().max(64).optional() }),
      },
      responses: {
        200: { description: "The stream", content: { "text/event-stream": { schema: z.array(tagChangeSchema) } } },
        400: problemAnswer("A parameter does not fit"),
        503: problemAnswer("Too many streams are open"),
      },
    }),
    (c) => {
      const { group, glob, with: extras = "", last_event_id } = c.req.valid("query");
      const wanted = extras.split(",");
      const stream = hub.open({
        wants: wantsTag(group, glob),
        lastEventId: c.req.valid("header")["last-event-id"] ?? last_event_id ?? null,
        withStatus: wanted.includes("status"),
        withEvents: wanted.includes("events"),
        withAlarms: wanted.includes("alarms"),
        holders: [`name ${c.var.identity.principal?.name ?? ""}`, `address ${addressKey(c.var.peer.address)}`],
        breakConnection: () => c.env?.outgoing?.destroy(),
      });
      return c.body(stream.readable, 200, {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/tags/{group}/{name}",
      tags: ["tags"],
      summary: "One tag; its id is the two last parts of the path",
      request: { params: z.object({ group: z.string(), name: z.string() }) },
      responses: { 200: jsonAnswer(tagSchema, "The tag"), 404: problemAnswer("No such tag") },
    }),
    (c) => {
      const { group, name } = c.req.valid("param");
      return c.json(viewTag(requireTag(tags, tagId(group, name)), tags, devices), 200);
    },
  );
}

/** The tag with this id. Throws a {@link Problem} when there is none. */
export function requireTag(tags: TagStore, id: string): Tag {
  const slash = id.indexOf("/");
  const tag = slash < 0 ? undefined : tags.get(tagId(id.slice(0, slash), id.slice(slash + 1)));
  if (tag !== undefined) return tag;
  throw new Problem(404, "unknown_tag", `There is no tag '${id.slice(0, 200)}'`, {
    fix: "Ids are <group>/<name>, as /api/v1/tags lists them",
  });
}

function wantsTag(group: string | undefined, glob: string | undefined): (tag: Tag) => boolean {
  return (tag) =>
    (group === undefined || tag.definition.group === group) && (glob === undefined || matchesGlob(glob, tag.id));
}

function hasQuality(tag: Tag, wanted: z.infer<typeof qualities>): boolean {
  const severity = severityOf(tag.quality);
  return wanted === "not_good" ? severity !== "good" : severity === wanted;
}

/** All tags by id; sorted again only after the set of tags changed. */
function sortedTags(tags: TagStore, definitions: () => number): () => readonly Tag[] {
  let list: readonly Tag[] = [];
  let sortedAt = -1;
  return () => {
    if (sortedAt !== definitions()) {
      sortedAt = definitions();
      list = [...tags.list()].sort((a, b) => (a.id < b.id ? -1 : 1));
    }
    return list;
  };
}

function afterCursor(cursor: string): string {
  const [id] = readCursor("tags", cursor);
  return String(id);
}

function firstBehind(list: readonly Tag[], id: string): number {
  const index = list.findIndex((tag) => tag.id > id);
  return index < 0 ? list.length : index;
}
