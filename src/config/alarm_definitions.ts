import { tagId } from "../tags/tag.ts";
import type { AlarmDefinition, AlarmLimits, Severity } from "./alarm_definition.ts";
import type { Config, DeviceConfig, MetricConfig } from "./schema.ts";

/** Severities where the configuration sets none. */
const usual: { readonly [K in keyof AlarmLimits]: Severity } = { lolo: 800, lo: 500, hi: 500, hihi: 800 };
const usualOffNormal = 500;

/** Pure: the alarms of a configuration in file order, each device's own last. Nothing that is switched off has one. */
export function alarmDefinitions({ application, alarms }: Config): AlarmDefinition[] {
  return application.flatMap(({ device }) => device).filter(({ enabled }) => enabled).flatMap((device) => [
    ...device.read_metric.filter(({ enabled }) => enabled).flatMap((metric) => tagAlarm(device, metric)),
    ...alarms.stale_devices
      ? [{
        kind: "stale_device" as const,
        id: `${device.device_id}/$alarm`,
        devEui: device.device_id,
        deviceName: device.device_name,
        severity: alarms.stale_device_severity,
      }]
      : [],
  ]);
}

function tagAlarm(device: DeviceConfig, { metric_name, alarm }: MetricConfig): AlarmDefinition[] {
  if (alarm === undefined) return [];
  const tag = tagId(device.device_id, metric_name);
  const common = {
    id: `${tag}/$alarm`,
    tagId: tag,
    name: `${device.device_name} ${metric_name}`,
    delayMs: alarm.delay_seconds * 1000,
    message: alarm.message ?? null,
  };
  if (alarm.normal !== undefined) {
    return [{ ...common, kind: "off_normal", normal: alarm.normal, severity: alarm.severity ?? usualOffNormal }];
  }
  const { lolo = null, lo = null, hi = null, hihi = null, severity } = alarm;
  const all = severity === undefined ? usual : { lolo: severity, lo: severity, hi: severity, hihi: severity };
  return [{
    ...common,
    kind: "limit",
    limits: { lolo, lo, hi, hihi },
    deadband: alarm.deadband,
    severities: all,
  }];
}
