import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { DeviceDefinition } from "../../config/topology.ts";
import { Quality, severityOf } from "../../tags/quality.ts";
import type { Tag } from "../../tags/tag.ts";
import type { TagStore } from "../../tags/tag_store.ts";
import type { PlantContext, WebEnv } from "../api_context.ts";
import { jsonAnswer, problemAnswer } from "../api_route.ts";
import { type DeviceAnswer, devicePageSchema } from "../api_schema.ts";
import { formatTimeOrNull } from "../../telemetry/time_text.ts";
import { makeCursor, readCursor } from "../cursor.ts";

/** Adds the configured devices with a count of how their values are. */
export function addDeviceRoutes(app: OpenAPIHono<WebEnv>, context: PlantContext): void {
  const { tags, devices } = context;
  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/devices",
      tags: ["devices"],
      summary: "Configured devices, ordered by DevEUI",
      request: {
        query: z.strictObject({
          application: z.string().min(1).max(64).optional().openapi({ description: "An application id" }),
          limit: z.coerce.number().int().min(1).max(1000).default(200),
          cursor: z.string().max(1024).optional(),
        }),
      },
      responses: { 200: jsonAnswer(devicePageSchema, "A page"), 400: problemAnswer("A parameter does not fit") },
    }),
    (c) => {
      const { application, limit, cursor } = c.req.valid("query");
      const after = cursor === undefined ? "" : String(readCursor("devices", cursor)[0]);
      const matching = devices.list()
        .filter((device) => application === undefined || device.applicationId === application)
        .toSorted((a, b) => (a.devEui < b.devEui ? -1 : 1));
      const behind = matching.filter((device) => device.devEui > after);
      const page = behind.slice(0, limit);
      const last = page.at(-1);
      const next = last === undefined || behind.length <= limit ? null : makeCursor("devices", last.devEui);
      return c.json({ items: viewDevices(page, tags), total: matching.length, next }, 200);
    },
  );
}

function viewDevices(page: readonly DeviceDefinition[], tags: TagStore): DeviceAnswer[] {
  const counts = new Map(
    page.map((device) => [device.devEui, { tags: 0, good: 0, uncertain: 0, bad: 0, waiting: 0, newestUs: 0 }]),
  );
  for (const tag of tags.list()) {
    const count = counts.get(tag.definition.group);
    if (count === undefined) continue;
    count.newestUs = Math.max(count.newestUs, tag.sourceTimeUs);
    if (isDiagnostic(tag) || !tag.definition.enabled) continue;
    count.tags++;
    count[tag.quality === Quality.BadWaitingForInitialData ? "waiting" : severityOf(tag.quality)]++;
  }
  return page.map((device) => {
    const { newestUs = 0, tags = 0, good = 0, uncertain = 0, bad = 0, waiting = 0 } = counts.get(device.devEui) ?? {};
    return { ...device, tags, good, uncertain, bad, waiting, lastSourceTime: formatTimeOrNull(newestUs) };
  });
}

function isDiagnostic(tag: Tag): boolean {
  return tag.definition.name.startsWith("$");
}
