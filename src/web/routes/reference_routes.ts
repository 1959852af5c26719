import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Tag } from "../../tags/tag.ts";
import type { PlantContext, WebEnv } from "../api_context.ts";
import { jsonAnswer } from "../api_route.ts";
import { formatTime, formatTimeOrNull } from "../../telemetry/time_text.ts";
import { viewQuality, viewValue } from "../tag_view.ts";

const statusSchema = z.object({
  chirpstack_available: z.boolean(),
  last_poll_time: z.string().nullable(),
  error_count: z.int(),
  application_count: z.int(),
  device_count: z.int(),
  uptime_secs: z.int(),
}).openapi("IntegrationStatus");

const devicesSchema = z.object({
  as_of: z.string(),
  stale_threshold_secs: z.number().openapi({ description: "Least age at which a value is stale" }),
  bad_threshold_secs: z.number().openapi({ description: "Least age at which a value is no longer usable" }),
  applications: z.array(z.object({
    application_id: z.string(),
    application_name: z.string(),
    devices: z.array(z.object({
      device_id: z.string(),
      device_name: z.string(),
      metrics: z.array(z.object({
        metric_name: z.string(),
        data_type: z.string(),
        value: z.union([z.boolean(), z.number(), z.string()]).nullable(),
        timestamp: z.string().nullable().openapi({ description: "null when no value has come yet" }),
        status: z.string(),
      })),
    })),
  })),
}).openapi("IntegrationDevices");

/** Adds the short paths that dashboards and scripts of comparable gateways use: whole answers without paging. */
export function addReferenceRoutes(app: OpenAPIHono<WebEnv>, { tags, devices, status }: PlantContext): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/api/status",
      tags: ["integration"],
      summary: "Status in a few figures",
      responses: { 200: jsonAnswer(statusSchema, "The status") },
    }),
    (c) => {
      const now = status();
      const lastEventUs = Math.max(0, ...now.sources.map((source) => source.lastEventUs ?? 0));
      const list = devices.list();
      return c.json({
        chirpstack_available: now.sources.some(({ state }) => state === "connected" || state === "degraded"),
        last_poll_time: formatTimeOrNull(lastEventUs),
        error_count: now.sources.reduce((sum, source) => sum + source.decodingErrors, 0),
        application_count: new Set(list.map((device) => device.applicationId)).size,
        device_count: list.length,
        uptime_secs: Math.max(0, Math.floor((now.nowUs - now.startedUs) / 1_000_000)),
      }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/api/devices",
      tags: ["integration"],
      summary: "All devices with their metrics and newest values",
      responses: { 200: jsonAnswer(devicesSchema, "The devices") },
    }),
    (c) => {
      const metrics = Map.groupBy(
        [...tags.list()].filter((tag) => !tag.definition.name.startsWith("$")),
        (tag) => tag.definition.group,
      );
      const all = [...metrics.values()].flat();
      const applications = Map.groupBy(devices.list(), (device) => device.applicationId);
      return c.json({
        as_of: formatTime(status().nowUs),
        stale_threshold_secs: least(all.map((tag) => tags.staleAfterMs(tag)), 120_000) / 1000,
        bad_threshold_secs: least(all.map((tag) => tag.definition.badAfterMs), 86_400_000) / 1000,
        applications: [...applications].map(([applicationId, members]) => ({
          application_id: applicationId,
          application_name: members[0]?.applicationName ?? "",
          devices: members.map((device) => ({
            device_id: device.devEui,
            device_name: device.name,
            metrics: (metrics.get(device.devEui) ?? []).map(viewMetric),
          })),
        })),
      }, 200);
    },
  );
}

function viewMetric(tag: Tag) {
  return {
    metric_name: tag.definition.name,
    data_type: tag.definition.type,
    value: viewValue(tag.value),
    timestamp: formatTimeOrNull(tag.sourceTimeUs),
    status: viewQuality(tag.quality).name,
  };
}

function least(values: readonly number[], preset: number): number {
  return values.reduce((low, value) => Math.min(low, value), values[0] ?? preset);
}
