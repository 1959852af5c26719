import type { DeviceDefinition } from "../config/topology.ts";

/** Names of devices by DevEUI, read anew when the configuration gives another list. */
export class DeviceDirectory {
  readonly #devices: () => readonly DeviceDefinition[];
  #seen: readonly DeviceDefinition[] = [];
  #byEui = new Map<string, DeviceDefinition>();

  constructor(devices: () => readonly DeviceDefinition[]) {
    this.#devices = devices;
  }

  /** All devices in the order of the configuration. */
  list(): readonly DeviceDefinition[] {
    const devices = this.#devices();
    if (devices !== this.#seen) {
      this.#seen = devices;
      this.#byEui = new Map(devices.map((device) => [device.devEui, device]));
    }
    return devices;
  }

  /** The device with this DevEUI. */
  get(devEui: string): DeviceDefinition | undefined {
    this.list();
    return this.#byEui.get(devEui);
  }

  /** The name of the device that a subject (a DevEUI or a tag id) is or belongs to; `null` when it is none. */
  nameOf(subject: string): string | null {
    const slash = subject.indexOf("/");
    return this.get(slash < 0 ? subject : subject.slice(0, slash))?.name ?? null;
  }
}
