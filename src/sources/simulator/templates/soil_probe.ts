import type { DeviceTemplate } from "../device_template.ts";
import { batteryVolts, dailyCurve, rounded } from "../signals.ts";
import { vendorDevice } from "../vendor_data.ts";
import { bytesOf, vendorEncoder } from "./vendor_frames.ts";

const vendor = vendorDevice("lse01");
const example = vendor.uplinks[0];

/** Dragino LSE01: soil temperature, moisture and conductivity, most of them as text, as its codec gives them. */
export const soilProbe: DeviceTemplate = {
  id: vendor.device,
  label: "Soil probe",
  profileName: "Dragino LSE01",
  applicationName: "Irrigation",
  deviceClass: "A",
  metrics: [
    {
      segments: ["temp_SOIL"],
      name: "Soil temperature",
      type: "Float",
      unit: "°C",
      range: [-40, 85],
      kind: "string",
    },
    { segments: ["water_SOIL"], name: "Soil moisture", type: "Float", unit: "%", range: [0, 100], kind: "string" },
    {
      segments: ["conduct_SOIL"],
      name: "Soil conductivity",
      type: "Int",
      unit: "µS/cm",
      range: [0, 50_000],
      kind: "gauge",
    },
    { segments: ["Bat"], name: "Battery", type: "Float", unit: "V", range: [2, 4], kind: "gauge" },
  ],
  examples: vendor.uplinks.map(({ object }) => object),
  frame: ({ timeUs, random }) => {
    const dryness = dailyCurve(timeUs, { mean: 0.5, swing: 0.3, peakHour: 17, noise: 0.02 }, random);
    return {
      fPort: example?.fPort ?? 2,
      data: bytesOf(example),
      object: {
        ...example?.object,
        Bat: rounded(batteryVolts(timeUs, 3.6, 3, 0.002), 3),
        TempC_DS18B20: dailyCurve(timeUs, { mean: 17, swing: 7, noise: 0.2 }, random).toFixed(1),
        temp_SOIL: dailyCurve(timeUs, { mean: 14, swing: 2.5, peakHour: 18, noise: 0.05 }, random).toFixed(2),
        water_SOIL: (32 - 14 * dryness).toFixed(2),
        conduct_SOIL: Math.round(900 - 300 * dryness),
      },
    };
  },
  encode: vendorEncoder(vendor),
};
