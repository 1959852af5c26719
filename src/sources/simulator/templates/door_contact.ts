import type { DeviceTemplate, Frame } from "../device_template.ts";
import { hourOfDay } from "../signals.ts";
import { vendorDevice } from "../vendor_data.ts";
import { bytesOf, vendorEncoder } from "./vendor_frames.ts";

const vendor = vendorDevice("ws301");
const door = vendor.uplinks.find(({ object }) => "door" in object);
const install = vendor.uplinks.find(({ object }) => "install" in object);

/** How often the contact tells whether it is still mounted, in frames. */
const installEvery = 12;

/** Milesight WS301: a door that people use by day, told as words. Never both keys in one frame. */
export const doorContact: DeviceTemplate = {
  id: vendor.device,
  label: "Door contact",
  profileName: "Milesight WS301",
  applicationName: "Building",
  deviceClass: "A",
  metrics: [
    { segments: ["door"], name: "Door", type: "String", kind: "string" },
    { segments: ["install"], name: "Mounted", type: "String", kind: "string" },
  ],
  examples: vendor.uplinks.map(({ object }) => object),
  frame: ({ timeUs, count, random, memory }): Frame => {
    if (count % installEvery === 2) {
      return { fPort: install?.fPort ?? 85, data: bytesOf(install), object: { install: "yes" } };
    }
    const hour = hourOfDay(timeUs);
    const opens = hour > 6 && hour < 19 ? 0.5 : 0.05;
    const open = memory.get("open") === 1 ? random() > 0.7 : random() < opens;
    memory.set("open", open ? 1 : 0);
    return { fPort: door?.fPort ?? 85, data: bytesOf(door), object: { door: open ? "open" : "close" } };
  },
  encode: vendorEncoder(vendor),
};
