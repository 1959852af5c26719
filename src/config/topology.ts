import type { AlarmDefinition } from "./alarm_definition.ts";
import { alarmDefinitions } from "./alarm_definitions.ts";
import type { CommandDefinition } from "./command_definition.ts";
import { commandDefinitions } from "./command_definitions.ts";
import type { Config, DeviceConfig, MetricConfig } from "./schema.ts";
import { type DataTypeName, type TagDefinition, tagId } from "../tags/tag.ts";
import type { ReservedName } from "./value_path.ts";

/** A device as the configuration places it. */
export interface DeviceDefinition {
  /** 16 hex digits, lower case. */
  readonly devEui: string;
  readonly name: string;
  readonly applicationId: string;
  readonly applicationName: string;
  readonly enabled: boolean;
}

/** Everything that the configuration defines below the applications. */
export interface Topology {
  readonly devices: readonly DeviceDefinition[];
  readonly tags: readonly TagDefinition[];
  readonly alarms: readonly AlarmDefinition[];
  readonly commands: readonly CommandDefinition[];
}

const defaultDataType = { Bool: "Boolean", Int: "Int64", Float: "Double", String: "String" } as const;

/** Radio diagnostics of every device, taken from the frame and not from the decoded object. Not kept in history. */
const diagnostics = [
  { name: "$rssi", type: "Int", dataType: "Int16", unit: "dBm" },
  { name: "$snr", type: "Float", dataType: "Float", unit: "dB" },
  { name: "$dr", type: "Int", dataType: "Int16", unit: "" },
  { name: "$fcnt", type: "Int", dataType: "UInt32", unit: "" },
  { name: "$fport", type: "Int", dataType: "Int16", unit: "" },
  { name: "$battery", type: "Float", dataType: "Float", unit: "%" },
  { name: "$margin", type: "Int", dataType: "Int16", unit: "dB" },
  { name: "$lastSeen", type: "String", dataType: "String", unit: "" },
] as const satisfies readonly {
  readonly name: ReservedName;
  readonly dataType: DataTypeName;
  readonly [key: string]: string;
}[];

/** Pure: the devices and tags that a configuration defines, in file order, each device's diagnostics last. */
export function topologyOf(config: Config): Topology {
  const devices: DeviceDefinition[] = [];
  const tags: TagDefinition[] = [];
  for (const application of config.application) {
    for (const device of application.device) {
      devices.push({
        devEui: device.device_id,
        name: device.device_name,
        applicationId: application.application_id,
        applicationName: application.application_name,
        enabled: device.enabled,
      });
      for (const metric of device.read_metric) tags.push(metricTag(config, device, metric));
      for (const own of diagnostics) tags.push(diagnosticTag(config, device, own));
    }
  }
  return { devices, tags, alarms: alarmDefinitions(config), commands: commandDefinitions(config) };
}

function metricTag(config: Config, device: DeviceConfig, metric: MetricConfig): TagDefinition {
  return {
    ...common(config, device, metric.metric_name),
    type: metric.metric_type,
    dataType: metric.data_type ?? defaultDataType[metric.metric_type],
    sourcePath: metric.chirpstack_metric_name,
    unit: metric.metric_unit ?? "",
    range: metric.range === undefined ? null : { low: metric.range[0], high: metric.range[1] },
    staleAfterMs: metric.stale_after_seconds === undefined ? null : metric.stale_after_seconds * 1000,
    badAfterMs: metric.bad_after_seconds * 1000,
    scale: metric.scale,
    offset: metric.offset,
    deadband: metric.deadband,
    changeOnly: metric.change_only,
    counter: metric.counter,
    maxIntervalMs: metric.max_interval_seconds * 1000,
    retentionDays: metric.retention_days ?? config.storage.retention_days,
    enabled: device.enabled && metric.enabled,
    ...metric.alias === undefined ? {} : { alias: metric.alias },
  };
}

function diagnosticTag(
  config: Config,
  device: DeviceConfig,
  own: { name: string; type: TagDefinition["type"]; dataType: DataTypeName; unit: string },
): TagDefinition {
  return {
    ...common(config, device, own.name),
    type: own.type,
    dataType: own.dataType,
    sourcePath: own.name,
    unit: own.unit,
    range: null,
    staleAfterMs: null,
    badAfterMs: 86_400_000,
    scale: 1,
    offset: 0,
    deadband: 0,
    changeOnly: false,
    maxIntervalMs: 900_000,
    retentionDays: null,
    enabled: device.enabled,
  };
}

function common(config: Config, device: DeviceConfig, name: string) {
  return {
    id: tagId(device.device_id, name),
    group: device.device_id,
    name,
    // poll mode: two hours from the end of an hourly bucket, which is stamped with its start
    minStaleAfterMs: config.chirpstack?.mode === "poll" ? 10_800_000 : config.opcua.stale_threshold_seconds * 1000,
    stampArrival: device.source_timestamp_server,
  };
}
