import type { DeviceInfo } from "./device_events.ts";
import type { FaultSwitches } from "./fault_injection.ts";
import { fleet, type FleetDevice, fleetUuid, templateAt } from "./fleet.ts";
import type { DeviceTemplate } from "./device_template.ts";
import { type Measurement, measurementsOf } from "./measurements.ts";
import { VirtualDevice } from "./virtual_device.ts";

/** An application or tenant as lists show it. */
export interface NamedEntry {
  /** UUID. */
  readonly id: string;
  readonly name: string;
}

/** A device profile. */
export interface ProfileEntry extends NamedEntry {
  readonly template: DeviceTemplate;
  readonly measurements: ReadonlyMap<string, Measurement>;
}

/** Everything that the simulated server knows: one tenant, its applications, profiles and devices. */
export interface VirtualNetwork {
  readonly tenant: NamedEntry;
  /** By name. */
  readonly applications: readonly NamedEntry[];
  readonly profiles: ReadonlyMap<string, ProfileEntry>;
  readonly devices: ReadonlyMap<string, VirtualDevice>;
  readonly fleet: readonly FleetDevice[];
  /** When all of it was created, µs. */
  readonly createdUs: number;
}

/** What a network is made from. */
export interface VirtualNetworkOptions {
  readonly devices: number;
  readonly retainedEvents: number;
  readonly faults: FaultSwitches;
  /** The server's clock, µs. */
  readonly nowUs: () => number;
}

/** Makes the tenant, the applications, the profiles and the first `devices` devices of the fleet. */
export function createNetwork(options: VirtualNetworkOptions): VirtualNetwork {
  const tenant = { id: fleetUuid("tenant", "Demo site"), name: "Demo site" };
  const profiles = new Map<string, ProfileEntry>();
  const devices = new Map<string, VirtualDevice>();
  const applications = new Map<string, NamedEntry>();
  const placed = fleet(options.devices);
  placed.forEach((device, position) => {
    const template = templateAt(position);
    const profileId = fleetUuid("profile", template.id);
    let profile = profiles.get(profileId);
    if (profile === undefined) {
      profile = { id: profileId, name: template.profileName, template, measurements: measurementsOf(template) };
      profiles.set(profileId, profile);
    }
    applications.set(device.applicationId, { id: device.applicationId, name: device.applicationName });
    const info: DeviceInfo = {
      tenantId: tenant.id,
      tenantName: tenant.name,
      applicationId: device.applicationId,
      applicationName: device.applicationName,
      deviceProfileId: profileId,
      deviceProfileName: template.profileName,
      deviceName: device.name,
      devEui: device.devEui,
      deviceClassEnabled: template.deviceClass === "A" ? "CLASS_A" : "CLASS_C",
      tags: {},
    };
    const { retainedEvents, faults, nowUs } = options;
    devices.set(
      device.devEui,
      new VirtualDevice({ info, template, measurements: profile.measurements, retainedEvents, faults, nowUs }),
    );
  });
  return {
    tenant,
    applications: [...applications.values()].sort((left, right) => left.name < right.name ? -1 : 1),
    profiles,
    devices,
    fleet: placed,
    createdUs: options.nowUs() - 90 * 86_400_000_000,
  };
}
