import type { DeviceTemplate } from "../device_template.ts";
import type { VendorDevice } from "../vendor_data.ts";
import { bytesOf, vendorEncoder } from "./vendor_frames.ts";
import { vendorMetrics } from "./vendor_metrics.ts";
import { livingObject } from "./vendor_values.ts";

/** What a person would call the device and where it stands. */
export interface Naming {
  readonly label: string;
  readonly profileName: string;
  readonly applicationName: string;
}

/** A device that is made from nothing but the vendor's published frames: it sends them in turn, with living values. */
export function anyVendorDevice(vendor: VendorDevice, naming: Naming): DeviceTemplate {
  return {
    id: vendor.device,
    ...naming,
    deviceClass: "A",
    metrics: vendorMetrics(vendor),
    examples: vendor.uplinks.map(({ object }) => object),
    frame: ({ timeUs, count, random }) => {
      const published = vendor.uplinks[count % vendor.uplinks.length];
      return {
        fPort: published?.fPort ?? 1,
        data: bytesOf(published),
        object: published === undefined ? {} : livingObject(published.object, timeUs, random),
      };
    },
    encode: vendorEncoder(vendor),
  };
}
