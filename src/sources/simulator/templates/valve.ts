import type { DeviceTemplate } from "../device_template.ts";
import type { JsonObject } from "../json_object.ts";
import { dailyCurve, rounded } from "../signals.ts";
import { vendorDevice } from "../vendor_data.ts";
import { bytesOf } from "./vendor_frames.ts";

const vendor = vendorDevice("motorized-valve");
const example = vendor.uplinks[0];

/** The byte that opens the valve and the one that closes it: the characters 1 and 0. */
const openByte = 0x31;
const closeByte = 0x30;

/** Strega motorized valve: opens and closes on a downlink of one byte, and shows its position in the next uplink. */
export const valve: DeviceTemplate = {
  id: vendor.device,
  label: "Valve",
  profileName: "Strega motorized valve",
  applicationName: "Irrigation",
  deviceClass: "A",
  metrics: [
    { segments: ["Actuator"], name: "Valve open", type: "Int", range: [0, 1], kind: "string" },
    { segments: ["Temp"], name: "Temperature", type: "Float", unit: "°C", range: [-40, 85], kind: "gauge" },
    { segments: ["Hygro"], name: "Humidity", type: "Float", unit: "%", range: [0, 100], kind: "gauge" },
    { segments: ["Leak"], name: "Leak", type: "Int", range: [0, 1], kind: "string" },
    { segments: ["Bat"], name: "Battery", type: "Int", unit: "%", range: [0, 100], kind: "gauge" },
  ],
  examples: vendor.uplinks.map(({ object }) => object),
  frame: ({ timeUs, random, memory }) => {
    const open = memory.get("open") === 1;
    return {
      fPort: example?.fPort ?? 4,
      data: bytesOf(example),
      object: {
        ...example?.object,
        Actuator: open ? "1" : "0",
        LSO: open ? "1" : "0",
        LSC: open ? "0" : "1",
        Temp: rounded(dailyCurve(timeUs, { mean: 19, swing: 6, noise: 0.15 }, random), 2),
        Hygro: rounded(dailyCurve(timeUs, { mean: 52, swing: 14, peakHour: 4, noise: 0.5 }, random), 2),
      },
    };
  },
  encode: (object) => Uint8Array.of(wantsOpen(object) ? openByte : closeByte),
  onDownlink: (memory, _fPort, data) => {
    if (data[0] === openByte) memory.set("open", 1);
    if (data[0] === closeByte) memory.set("open", 0);
  },
};

// the vendor's own form is { fPort, payload: 0 | 1 }
function wantsOpen(object: JsonObject): boolean {
  const wish = object["payload"] ?? object["valve"];
  if (wish === 1 || wish === true || wish === "open") return true;
  if (wish === 0 || wish === false || wish === "close") return false;
  throw new RangeError("encodeDownlink of motorized-valve takes { payload: 0 | 1 }");
}
