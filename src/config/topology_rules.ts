import type { KeyPath } from "./key_path.ts";
import type { Hit, Rule } from "./rules.ts";
import type { Draft } from "./salvage.ts";
import type { ApplicationConfig, Config, DeviceConfig, MetricConfig } from "./schema.ts";
import { formatValuePath, parseValuePath, ValuePathError } from "./value_path.ts";

/** Above this many devices one stream a device is a burden on ChirpStack. */
const STREAM_DEVICES = 500;

/** Integer types of OPC UA and what they hold (OPC 10000-6 §5.1.2); Int64 only as far as a JavaScript integer goes. */
const integerRange: Readonly<Record<string, readonly [number, number]>> = {
  Int16: [-32_768, 32_767],
  UInt16: [0, 65_535],
  Int32: [-2_147_483_648, 2_147_483_647],
  UInt32: [0, 4_294_967_295],
  Int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

const fittingTypes: Readonly<Record<MetricConfig["metric_type"], readonly string[]>> = {
  Bool: ["Boolean"],
  Int: Object.keys(integerRange),
  Float: ["Float", "Double"],
  String: ["String"],
};

// Control characters, line and paragraph separators, and the marks that turn the direction of text around.
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** A part of the configuration and where it stands. */
export interface Placed<T> {
  readonly at: KeyPath;
  readonly item: Draft<T>;
}

function* applications(config: Draft<Config>): Generator<Placed<ApplicationConfig>> {
  for (const [entry, item] of (config.application ?? []).entries()) yield { at: ["application", entry], item };
}

function* devices(config: Draft<Config>): Generator<Placed<DeviceConfig>> {
  for (const { at, item } of applications(config)) {
    for (const [entry, device] of (item.device ?? []).entries()) yield { at: [...at, "device", entry], item: device };
  }
}

function* metricsOf(device: Placed<DeviceConfig>): Generator<Placed<MetricConfig>> {
  for (const [entry, item] of (device.item.read_metric ?? []).entries()) {
    yield { at: [...device.at, "read_metric", entry], item };
  }
}

/** Every metric of a configuration, or of its valid parts. */
export function* metrics(config: Draft<Config>): Generator<Placed<MetricConfig>> {
  for (const device of devices(config)) yield* metricsOf(device);
}

function* repeated<T>(
  placed: Iterable<Placed<T>>,
  field: string & keyof Draft<T>,
  what: string,
  fix: string,
  same: (value: string) => string = (value) => value,
): Generator<Hit> {
  const seen = new Set<string>();
  for (const { at, item } of placed) {
    const value = item[field];
    if (typeof value !== "string") continue;
    if (seen.has(same(value))) {
      yield { at: [...at, field], text: `${what} ${JSON.stringify(value)} is used twice`, fix };
    }
    seen.add(same(value));
  }
}

function canonicalPath(text: string): string {
  try {
    return formatValuePath(parseValuePath(text));
  } catch {
    return text;
  }
}

export const topologyRules: readonly Rule[] = [
  {
    id: "no_source",
    severity: "warning",
    *check(config) {
      // a hub has none
      if (config.chirpstack !== undefined || config.hub !== undefined) return;
      const fix = "Add [chirpstack] with server_address and api_token_file";
      yield { at: ["chirpstack"], text: "No source is configured: the gateway starts as 'not set up'", fix };
    },
  },
  {
    id: "no_devices",
    severity: "warning",
    *check(config) {
      if (config.chirpstack === undefined || config.application === undefined || !devices(config).next().done) return;
      const fix = "Add [[application]], [[application.device]] and [[application.device.read_metric]]";
      yield { at: ["application"], text: "No device is configured: nothing will be served", fix };
    },
  },
  {
    id: "empty_application",
    severity: "warning",
    *check(config) {
      for (const { at, item } of applications(config)) {
        if (item.device?.length === 0) {
          yield { at, text: "The application has no device", fix: "Add [[application.device]], or remove it" };
        }
      }
    },
  },
  {
    id: "empty_device",
    severity: "warning",
    *check(config) {
      for (const { at, item } of devices(config)) {
        if (item.read_metric?.length !== 0 || (item.command ?? []).length > 0) continue;
        const fix = "Add [[application.device.read_metric]], or remove the device";
        yield { at, text: "The device has no read_metric: only its radio diagnostics are served", fix };
      }
    },
  },
  {
    id: "duplicate_application_id",
    severity: "error",
    check: (config) =>
      repeated(
        applications(config),
        "application_id",
        "application_id",
        "Put all its devices under one [[application]]",
      ),
  },
  {
    id: "duplicate_device_id",
    severity: "error",
    check: (config) => repeated(devices(config), "device_id", "device_id", "Keep one of the two devices"),
  },
  {
    id: "duplicate_device_name",
    severity: "warning",
    *check(config) {
      for (const { at, item } of applications(config)) {
        const own = (item.device ?? []).map((device, entry) => ({ at: [...at, "device", entry], item: device }));
        yield* repeated<DeviceConfig>(
          own,
          "device_name",
          "device_name",
          "Give each device of an application its own name",
        );
      }
    },
  },
  {
    id: "duplicate_metric_name",
    severity: "error",
    *check(config) {
      for (const device of devices(config)) {
        yield* repeated(metricsOf(device), "metric_name", "metric_name", "Give each metric of a device its own name");
      }
    },
  },
  {
    id: "duplicate_alias",
    severity: "error",
    check: (config) => repeated(metrics(config), "alias", "alias", "Give each alias to one metric of the gateway"),
  },
  {
    id: "duplicate_value_path",
    severity: "error",
    *check(config) {
      const fix = "Keep one of the two metrics";
      for (const device of devices(config)) {
        yield* repeated(metricsOf(device), "chirpstack_metric_name", "chirpstack_metric_name", fix, canonicalPath);
      }
    },
  },
  {
    id: "value_path_syntax",
    severity: "error",
    *check(config) {
      for (const { at, item } of metrics(config)) {
        const path = item.chirpstack_metric_name;
        if (path === undefined) continue;
        try {
          parseValuePath(path);
        } catch (error) {
          if (!(error instanceof ValuePathError)) throw error;
          // a text in TOML's single quotes needs no escapes, which holds for every key without a single quote
          const quoted = formatValuePath({ kind: "object", segments: [path] });
          const fix = path.startsWith("$") || quoted.includes("'")
            ? 'Write keys as they stand in the decoded object: temperature, channels[2].value, ["Battery Status"]'
            : `For the key ${JSON.stringify(path)} write '${quoted}'`;
          yield { at: [...at, "chirpstack_metric_name"], text: error.message, fix };
        }
      }
    },
  },
  {
    id: "data_type_mismatch",
    severity: "error",
    *check(config) {
      for (const { at, item: { metric_type: type, data_type: dataType } } of metrics(config)) {
        if (type === undefined || dataType === undefined || fittingTypes[type].includes(dataType)) continue;
        const fix = `Write one of ${fittingTypes[type].join(", ")}`;
        yield { at: [...at, "data_type"], text: `${dataType} does not hold a metric_type of ${type}`, fix };
      }
    },
  },
  {
    id: "range_without_number",
    severity: "error",
    *check(config) {
      for (const { at, item } of metrics(config)) {
        if (item.range === undefined || (item.metric_type !== "Bool" && item.metric_type !== "String")) continue;
        yield { at: [...at, "range"], text: `A ${item.metric_type} has no range`, fix: "Remove range" };
      }
    },
  },
  {
    id: "range_beyond_type",
    severity: "error",
    *check(config) {
      for (const { at, item: { range, metric_type: type, data_type: dataType } } of metrics(config)) {
        if (range === undefined || type !== "Int") continue;
        const [low, high] = integerRange[dataType ?? "Int64"] ?? [-Infinity, Infinity];
        if (range[0] >= low && range[1] <= high) continue;
        const fix = "Narrow the range, or choose a wider data_type";
        yield {
          at: [...at, "range"],
          text: `${dataType ?? "Int64"} holds ${low} to ${high}, less than the range`,
          fix,
        };
      }
    },
  },
  {
    id: "scaling_without_number",
    severity: "error",
    *check(config) {
      for (const { at, item } of metrics(config)) {
        if (item.metric_type !== "Bool" && item.metric_type !== "String") continue;
        for (const [key, neutral] of [["scale", 1], ["offset", 0], ["deadband", 0]] as const) {
          const value = item[key];
          if (value === undefined || value === neutral) continue;
          yield { at: [...at, key], text: `A ${item.metric_type} has no ${key}`, fix: `Remove ${key}` };
        }
      }
    },
  },
  {
    id: "scaling_of_integer",
    severity: "warning",
    *check(config) {
      for (const { at, item } of metrics(config)) {
        if (item.metric_type !== "Int") continue;
        for (const key of ["scale", "offset"] as const) {
          if (item[key] === undefined || Number.isInteger(item[key])) continue;
          const text = `An Int with ${key} = ${item[key]} may come out with a fraction, which an Int cannot hold`;
          yield { at: [...at, key], text, fix: 'Write metric_type = "Float"' };
        }
      }
    },
  },
  {
    id: "bad_before_stale",
    severity: "error",
    *check(config) {
      for (const { at, item: { stale_after_seconds: stale, bad_after_seconds: bad } } of metrics(config)) {
        if (stale === undefined || bad === undefined || bad > stale) continue;
        const text = `bad_after_seconds (${bad}) must be greater than stale_after_seconds (${stale})`;
        yield {
          at: [...at, "stale_after_seconds"],
          text,
          fix: "Raise bad_after_seconds, or lower stale_after_seconds",
        };
      }
    },
  },
  {
    id: "stale_before_poll",
    severity: "warning",
    *check(config) {
      if (config.chirpstack?.mode !== "poll") return;
      for (const { at, item: { stale_after_seconds: stale } } of metrics(config)) {
        if (stale === undefined || stale >= 7200) continue;
        const text = "Poll mode reads hourly values: a value up to 2 h old is the newest there is";
        yield { at: [...at, "stale_after_seconds"], text, fix: "Write at least 7200, or remove the key" };
      }
    },
  },
  {
    id: "many_devices",
    severity: "warning",
    *check(config) {
      const count = [...devices(config)].filter(({ item }) => item.enabled !== false).length;
      if (config.chirpstack?.mode !== "stream" || count <= STREAM_DEVICES) return;
      const text = `${count} devices in stream mode, one stream each: more than ${STREAM_DEVICES} burden ChirpStack`;
      yield { at: ["chirpstack", "mode"], text, fix: 'Share them among gateways, or write mode = "poll"' };
    },
  },
  {
    id: "unprintable_name",
    severity: "error",
    *check(config) {
      const named: { at: KeyPath; value: string | undefined }[] = [
        { at: ["gateway", "name"], value: config.gateway?.name },
        { at: ["gateway", "site"], value: config.gateway?.site },
        { at: ["opcua", "application_name"], value: config.opcua?.application_name },
        { at: ["opcua", "user_name"], value: config.opcua?.user_name },
      ];
      for (const { at, item } of applications(config)) {
        named.push({ at: [...at, "application_name"], value: item.application_name });
        named.push({ at: [...at, "application_id"], value: item.application_id });
      }
      for (const { at, item } of devices(config)) named.push({ at: [...at, "device_name"], value: item.device_name });
      for (const { at, item } of metrics(config)) {
        named.push({ at: [...at, "metric_name"], value: item.metric_name });
        named.push({ at: [...at, "metric_unit"], value: item.metric_unit });
        named.push({ at: [...at, "alias"], value: item.alias });
      }
      for (const { at, item } of devices(config)) {
        for (const [entry, command] of (item.command ?? []).entries()) {
          const place = [...at, "command", entry];
          named.push({ at: [...place, "command_name"], value: command.command_name });
          for (const [position, argument] of (command.argument ?? []).entries()) {
            named.push({ at: [...place, "argument", position, "name"], value: argument.name });
            named.push({ at: [...place, "argument", position, "unit"], value: argument.unit });
          }
        }
      }
      for (const { at, value } of named) {
        if (value === undefined) continue;
        if (unprintable.test(value)) {
          yield { at, text: `${at.at(-1)} holds characters that cannot be seen`, fix: "Remove control characters" };
        } else if (value !== value.trim()) {
          yield { at, text: `${at.at(-1)} begins or ends with a blank`, fix: `Write ${JSON.stringify(value.trim())}` };
        }
      }
    },
  },
];
