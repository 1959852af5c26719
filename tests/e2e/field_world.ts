import { Quality } from "../../src/tags/quality.ts";
import type { MemoryRow } from "../lib/memory_history.ts";
import { WebWorld } from "../lib/web_world.ts";

const HOUR_US = 3_600_000_000;

interface Metric {
  readonly name: string;
  readonly type: "Float" | "Int" | "Bool" | "String";
  readonly unit?: string;
  readonly range?: readonly [number, number];
  readonly at: (hour: number) => number | boolean | string;
}

const wave = (mean: number, swing: number, period: number, digits = 2) => (hour: number) =>
  Number(
    (mean + swing * Math.sin((hour / period) * 2 * Math.PI) +
      swing * 0.06 * Math.sin(hour * 7.3) * Math.cos(hour * 3.1)).toFixed(digits),
  );

const soil: Metric[] = [
  { name: "soil temperature", type: "Float", unit: "°C", range: [-20, 60], at: wave(17.4, 3.1, 24) },
  { name: "soil moisture", type: "Float", unit: "%", range: [0, 100], at: wave(31, 6, 60, 1) },
  { name: "conductivity", type: "Float", unit: "µS/cm", at: wave(412, 40, 30, 0) },
];
const valve: Metric[] = [
  { name: "open", type: "Bool", at: (hour) => Math.sin(hour * 2.2) > 0.4 },
  { name: "flow", type: "Float", unit: "m³/h", at: (hour) => Math.sin(hour * 2.2) > 0.4 ? wave(4.2, 0.3, 5)(hour) : 0 },
  { name: "switching cycles", type: "Int", at: (hour) => 18_240 + Math.floor(hour / 3) },
];
const meter: Metric[] = [
  { name: "active energy", type: "Float", unit: "kWh", at: (hour) => Number((184_302.4 + hour * 12.6).toFixed(1)) },
  { name: "power", type: "Float", unit: "kW", range: [0, 40], at: wave(12.6, 9, 24, 3) },
  { name: "voltage L1", type: "Float", unit: "V", at: wave(231.2, 1.8, 9, 1) },
];
const door: Metric[] = [
  { name: "door", type: "String", at: (hour) => Math.sin(hour * 5) > 0.9 ? "open" : "closed" },
  { name: "openings", type: "Int", at: (hour) => 310 + Math.floor(hour / 2) },
];

const plant: readonly [
  application: string,
  id: string,
  devices: readonly [name: string, metrics: readonly Metric[]][],
][] = [
  ["Irrigation North", "irrigation", [
    ["Soil probe 1", soil],
    ["Soil probe 2", soil],
    ["Soil probe 3", soil],
    ["Soil probe 10", soil],
    ["Main valve", valve],
    ["Bypass valve", valve],
  ]],
  ["Energy", "energy", [
    ["Meter feed-in", meter],
    ["Meter pump house", meter],
    ["Meter office", meter],
  ]],
  ["Buildings", "buildings", [["Pump house door", door], ["Switch room door", door], ["Store gate", door]]],
];

/** A plant of believable devices with a week of history, of which some do not work as they should. */
export function fieldWorld(options: { faults: boolean } = { faults: true }): WebWorld {
  let serial = 0;
  const eui = () => (0xa840_41ff_ff00_0000n + BigInt(++serial) * 0x1c35n).toString(16);
  const series: { id: string; metric: Metric; silent: boolean }[] = [];
  const config = {
    application: plant.map(([application_name, application_id, devices]) => ({
      application_name,
      application_id,
      device: devices.map(([device_name, metrics]) => {
        const device_id = eui();
        const silent = options.faults && device_name === "Soil probe 3";
        for (const metric of metrics) series.push({ id: `${device_id}/${metric.name}`, metric, silent });
        return {
          device_id,
          device_name,
          read_metric: metrics.map((metric) => ({
            metric_name: metric.name,
            chirpstack_metric_name: metric.name.replaceAll(" ", "_"),
            metric_type: metric.type,
            ...(metric.unit === undefined ? {} : { metric_unit: metric.unit }),
            ...(metric.range === undefined ? {} : { range: metric.range }),
          })),
        };
      }),
    })),
  };
  const world = new WebWorld(config);
  const nowUs = Date.now() * 1000;
  for (const { id, metric, silent } of series) {
    const rows: MemoryRow[] = [];
    const lastUs = silent ? nowUs - 3 * HOUR_US : nowUs - 4_000_000;
    for (let timeUs = lastUs - 168 * HOUR_US; timeUs <= lastUs; timeUs += HOUR_US / 12) {
      const ago = (nowUs - timeUs) / HOUR_US;
      // a hole, as an outage leaves it
      if (ago > 2 && ago < 2.6) continue;
      rows.push({ timeUs, value: metric.at(168 - ago), quality: 0 });
    }
    if (silent) {
      rows.push({ timeUs: lastUs + HOUR_US / 4, value: null, quality: Quality.UncertainLastUsableValue, flags: 1 });
    }
    world.history.rows.set(id, rows);
    world.set({ [id]: metric.at(168) }, Quality.Good, lastUs);
  }
  for (const device of world.devices) {
    if (device.name === "Store gate" || (options.faults && device.name === "Soil probe 3")) continue;
    world.set({
      [`${device.devEui}/$rssi`]: -71 - device.name.length,
      [`${device.devEui}/$snr`]: 8.5,
      [`${device.devEui}/$battery`]: 91,
    });
  }
  const find = (name: string) => world.devices.find((device) => device.name === name)?.devEui ?? "";
  world.feed.add("info", "source_connected", "gateway", "Connected to ChirpStack at 127.0.0.1:8081");
  world.feed.add("info", "device_join", find("Main valve"), "Joined the network");
  if (options.faults) {
    const meterOffice = find("Meter office");
    world.set({ [`${meterOffice}/power`]: 61.2 }, Quality.Good, nowUs - 1_000_000);
    world.set({ [`${find("Bypass valve")}/flow`]: null }, Quality.BadDecodingError, nowUs - 1_000_000);
    world.set({ [`${find("Switch room door")}/door`]: null }, Quality.BadSensorFailure, nowUs - 1_000_000);
    world.feed.add("warning", "device_stale", find("Soil probe 3"), "Nothing heard for 3 h: its values are stale");
    world.feed.add(
      "error",
      "decoding_error",
      `${find("Bypass valve")}/flow`,
      "Expected a number at 'flow', found the text 'ERR-7'; the last good value is kept",
    );
    world.faults.raise(
      "device_decoding",
      "'flow' held the text 'ERR-7' where a number was expected, 14 times in the last hour",
      find("Bypass valve"),
    );
  }
  return world;
}
