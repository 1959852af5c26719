import type { DeviceTemplate } from "../device_template.ts";
import type { Json, JsonObject } from "../json_object.ts";
import { batteryVolts, dailyCurve, rounded } from "../signals.ts";
import { vendorDevice } from "../vendor_data.ts";
import { bytesOf, vendorEncoder } from "./vendor_frames.ts";

const vendor = vendorDevice("lht65");
const example = vendor.uplinks[0];

/** Readings that a broken probe or a wrong codec gives instead of a number. */
const nonsense: readonly Json[] = ["ERR", "NaN", null, { value: null }, [], "", "--.- °C"];

/** Dragino LHT65 with a bad contact: keys missing, nonsense for numbers, undecodable frames, silence, restarts. */
export const flakySensor: DeviceTemplate = {
  id: vendor.device,
  label: "Flaky sensor",
  profileName: "Dragino LHT65",
  applicationName: "Building",
  deviceClass: "A",
  metrics: [
    { segments: ["TempC_SHT"], name: "Temperature", type: "Float", unit: "°C", range: [-40, 85], kind: "gauge" },
    { segments: ["Hum_SHT"], name: "Humidity", type: "Float", unit: "%", range: [0, 100], kind: "gauge" },
    { segments: ["TempC_DS"], name: "Probe temperature", type: "Float", unit: "°C", range: [-55, 125], kind: "gauge" },
    { segments: ["BatV"], name: "Battery", type: "Float", unit: "V", range: [2, 4], kind: "gauge" },
  ],
  examples: vendor.uplinks.map(({ object }) => object),
  frame: ({ timeUs, random }) => {
    const healthy: JsonObject = {
      ...example?.object,
      BatV: rounded(batteryVolts(timeUs, 3.1, 2.6, 0.003), 3),
      TempC_SHT: rounded(dailyCurve(timeUs, { mean: 21, swing: 2.5, noise: 0.1 }, random), 2),
      TempC_DS: rounded(dailyCurve(timeUs, { mean: 6, swing: 1, noise: 0.1 }, random), 2),
      Hum_SHT: rounded(dailyCurve(timeUs, { mean: 48, swing: 9, peakHour: 5, noise: 0.4 }, random), 1),
    };
    const frame = { fPort: example?.fPort ?? 2, data: bytesOf(example) };
    const mood = random();
    if (mood < 0.06) return null;
    if (mood < 0.10) return { ...frame, object: null };
    if (mood < 0.12) return { ...frame, object: healthy, rejoined: true };
    if (mood < 0.20) {
      const { TempC_DS: _unplugged, ...rest } = healthy;
      return { ...frame, object: rest };
    }
    if (mood < 0.26) {
      return { ...frame, object: { ...healthy, TempC_SHT: nonsense[Math.floor(random() * nonsense.length)] ?? null } };
    }
    // what the probe's input reads with nothing connected
    if (mood < 0.30) return { ...frame, object: { ...healthy, TempC_DS: 327.67 } };
    return { ...frame, object: healthy };
  },
  encode: vendorEncoder(vendor),
};
