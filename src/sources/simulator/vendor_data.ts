import vendorData from "./data/lorawan-uplinks.json" with { type: "json" };
import type { JsonObject } from "./json_object.ts";

/** A frame as a vendor publishes it: the bytes on the air and what the vendor's codec makes of them. */
export interface VendorFrame {
  /** `null` where the vendor names none. */
  readonly fPort: number | null;
  /** Hexadecimal. */
  readonly bytes: string;
  readonly object: JsonObject;
}

/** A device type with its published examples. See `data/README.md` for source and licence. */
export interface VendorDevice {
  readonly vendor: string;
  readonly device: string;
  readonly uplinks: readonly VendorFrame[];
  readonly downlinks: readonly VendorFrame[];
}

/** Every device type of the data file, in its order. */
export const vendorDevices: readonly VendorDevice[] = vendorData.devices as unknown as readonly VendorDevice[];

/** The device type of that name (`lse01`). */
export function vendorDevice(name: string): VendorDevice {
  const found = vendorDevices.find(({ device }) => device === name);
  if (found === undefined) throw new RangeError(`Cannot find the vendor's data of device '${name}'`);
  return found;
}
