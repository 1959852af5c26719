import type { MetricType } from "../../tags/tag.ts";
import { type DeviceTemplate, metricPath } from "./device_template.ts";
import { seededRandom, uuidFrom } from "./seeded_random.ts";
import { templates } from "./templates/all.ts";

/** A simulated device as somebody who configures a gateway sees it. */
export interface FleetDevice {
  /** 16 hex digits, lower case. */
  readonly devEui: string;
  readonly name: string;
  /** UUID, as ChirpStack names applications. */
  readonly applicationId: string;
  readonly applicationName: string;
  readonly profileName: string;
  readonly metrics: readonly FleetMetric[];
}

/** A value that a simulated device reports. */
export interface FleetMetric {
  /** Where it stands in the decoded object: `channels[2].value`. */
  readonly path: string;
  readonly name: string;
  readonly type: MetricType;
  readonly unit?: string;
  readonly range?: [number, number];
}

/** First digits of every simulated DevEUI: locally administered, so that no real device has them. */
const euiPrefix = "02ed9ee0";

/** The UUID of a thing of the simulated server: the same kind and name always give the same one. */
export function fleetUuid(kind: "tenant" | "application" | "profile", name: string): string {
  return uuidFrom(seededRandom(`${kind}:${name}`));
}

/** The template of the device at a position of the fleet, counted from 0. */
export function templateAt(position: number): DeviceTemplate {
  const template = templates[position % templates.length];
  if (template === undefined) throw new RangeError(`Cannot find a template for position ${position}`);
  return template;
}

/**
 * The first `count` devices of the fleet, always the same ones: one of each type, soil probe first, then the second of
 * each type, and so on.
 */
export function fleet(count: number): FleetDevice[] {
  return Array.from({ length: count }, (_none, position) => {
    const template = templateAt(position);
    return {
      devEui: euiPrefix + (position + 1).toString(16).padStart(8, "0"),
      name: `${template.label} ${Math.floor(position / templates.length) + 1}`,
      applicationId: fleetUuid("application", template.applicationName),
      applicationName: template.applicationName,
      profileName: template.profileName,
      metrics: template.metrics.map((metric) => ({
        path: metricPath(metric),
        name: metric.name,
        type: metric.type,
        ...(metric.unit === undefined ? {} : { unit: metric.unit }),
        ...(metric.range === undefined ? {} : { range: [metric.range[0], metric.range[1]] }),
      })),
    };
  });
}
