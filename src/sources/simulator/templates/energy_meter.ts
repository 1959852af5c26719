import type { DeviceTemplate } from "../device_template.ts";
import { growingCounter } from "../signals.ts";
import { vendorDevice } from "../vendor_data.ts";
import { bytesOf, vendorEncoder } from "./vendor_frames.ts";

const vendor = vendorDevice("em4301");
const periodic = vendor.uplinks.find(({ fPort }) => fPort === 1);
const basic = vendor.uplinks.find(({ fPort }) => fPort === 50);

/** How often the meter tells its own data beside the readings, in frames. */
const basicEvery = 48;

/** Yobiiq EM4301: counters of active energy as `{ data, unit }`; class C, so that it hears downlinks at any time. */
export const energyMeter: DeviceTemplate = {
  id: vendor.device,
  label: "Energy meter",
  profileName: "Yobiiq EM4301",
  applicationName: "Metering",
  deviceClass: "C",
  metrics: [
    { segments: ["activeEnergyImportL123T1", "data"], name: "Energy T1", type: "Int", unit: "Wh", kind: "counter" },
    { segments: ["activeEnergyImportL123T2", "data"], name: "Energy T2", type: "Int", unit: "Wh", kind: "counter" },
    { segments: ["activeEnergyExportL123T1", "data"], name: "Energy export", type: "Int", unit: "Wh", kind: "counter" },
    { segments: ["modbusErrorCode"], name: "Modbus error", type: "Int", kind: "gauge" },
  ],
  examples: vendor.uplinks.map(({ object }) => object),
  frame: ({ timeUs, count }) => {
    if (count % basicEvery === basicEvery - 1) {
      return { fPort: basic?.fPort ?? 50, data: bytesOf(basic), object: basic?.object ?? {} };
    }
    const seconds = Math.floor(timeUs / 1_000_000);
    return {
      fPort: periodic?.fPort ?? 1,
      data: bytesOf(periodic),
      object: {
        ...periodic?.object,
        timestamp: seconds,
        dataloggerTimestamp: seconds - seconds % 600,
        // the office's load by day, and the cooling's by night
        activeEnergyImportL123T1: { data: growingCounter(timeUs, 5_085_978, 14_500), unit: "Wh" },
        activeEnergyImportL123T2: { data: growingCounter(timeUs, 1_203_310, 5_200, 2), unit: "Wh" },
        activeEnergyExportL123T1: { data: growingCounter(timeUs, 0, 900, 12), unit: "Wh" },
      },
    };
  },
  encode: vendorEncoder(vendor),
};
