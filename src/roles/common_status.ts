import type { Config } from "../config/schema.ts";
import type { RoleStatus } from "../telemetry/status.ts";
import { version } from "../version.ts";

/** What every role tells of itself but how it is doing. */
export function commonStatus(
  id: string,
  { gateway: { name, site } }: Config,
  startedUs: number,
  nowUs: number,
): Omit<RoleStatus, "verdict" | "summary" | "faults"> {
  const { rss, heapUsed } = Deno.memoryUsage();
  return { id, name, site, version, startedUs, nowUs, process: { rssBytes: rss, heapUsedBytes: heapUsed } };
}
