import { status } from "@grpc/grpc-js";
import type { VirtualDevice } from "../virtual_device.ts";
import type { VirtualNetwork } from "../virtual_network.ts";
import { Refusal } from "./rpc.ts";

/** A DevEUI in lower case; ChirpStack's parser answers anything else with INTERNAL. */
export function requireEui(text: string): string {
  if (!/^[0-9a-f]{16}$/i.test(text)) throw new Refusal(status.INTERNAL, "EUI64 expects exactly 8 bytes");
  return text.toLowerCase();
}

/** The device of that DevEUI; NOT_FOUND when there is none. */
export function requireDevice(network: VirtualNetwork, devEui: string): VirtualDevice {
  const eui = requireEui(devEui);
  const device = network.devices.get(eui);
  if (device === undefined) throw new Refusal(status.NOT_FOUND, `Object does not exist (id: ${eui})`);
  return device;
}
