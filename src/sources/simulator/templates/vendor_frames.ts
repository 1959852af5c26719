import { Buffer } from "node:buffer";
import type { JsonObject } from "../json_object.ts";
import type { VendorDevice, VendorFrame } from "../vendor_data.ts";

/** The bytes on the air of a published frame; none without a frame. */
export function bytesOf(frame: VendorFrame | undefined): Uint8Array {
  return Buffer.from(frame?.bytes ?? "", "hex");
}

/**
 * An encoder that knows the downlinks that the vendor publishes and nothing else.
 *
 * @throws {RangeError} for any other object, as a codec that does not know a command
 */
export function vendorEncoder(vendor: VendorDevice): (object: JsonObject) => Uint8Array {
  return (object) => {
    const text = canonical(object);
    const known = vendor.downlinks.find((downlink) => canonical(downlink.object) === text);
    if (known === undefined) throw new RangeError(`encodeDownlink of ${vendor.device} does not know this object`);
    return bytesOf(known);
  };
}

// numbers arrive as doubles and keys in any order
function canonical(object: JsonObject): string {
  return JSON.stringify(
    object,
    (_key, value) =>
      value !== null && typeof value === "object" && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => left < right ? -1 : 1))
        : value,
  );
}
