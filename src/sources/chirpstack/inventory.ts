import type { DeviceDefinition } from "../../config/topology.ts";
import { CallError } from "./call_error.ts";
import type { ChirpStackApi, RemoteDevice, RemoteMeasurement, RemoteNamed } from "./chirpstack_api.ts";
import type { ObservedKey } from "./observed_keys.ts";

/** A device of the inventory. */
export interface InventoryDevice extends RemoteDevice {
  /** Whether the configuration of this gateway names it. */
  readonly configured: boolean;
  /** What its device profile declares. */
  readonly measurements: readonly RemoteMeasurement[];
  /** Keys of the uplinks that this gateway received from it. */
  readonly observedKeys: readonly ObservedKey[];
}

/** An application with its devices. */
export interface InventoryApplication extends RemoteNamed {
  readonly tenantId: string;
  readonly devices: readonly InventoryDevice[];
}

/** What ChirpStack has, for people who choose what to configure. */
export interface Inventory {
  /** When it was asked for, µs. */
  readonly takenUs: number;
  readonly applications: readonly InventoryApplication[];
  /** What could not be asked, in words: with one of these the inventory is not the whole. */
  readonly problems: readonly string[];
}

/** What an inventory is taken with. */
export interface InventoryOptions {
  readonly api: ChirpStackApi;
  /** `[chirpstack].tenant_id`; empty: all tenants that the token may see. */
  readonly tenantId: string;
  readonly configured: () => readonly DeviceDefinition[];
  readonly observedKeys: (devEui: string) => readonly ObservedKey[];
  readonly nowUs: () => number;
}

/** An inventory is good for so long; whoever just changed something in ChirpStack asks for a fresh one. */
export const INVENTORY_LIFETIME_US = 60_000_000;

/**
 * Asks ChirpStack for applications, devices and device profiles. Never throws for what the server does: what could not
 * be asked is among the problems. Rejects when the signal aborts.
 */
export async function takeInventory(options: InventoryOptions, signal: AbortSignal): Promise<Inventory> {
  signal.throwIfAborted();
  const { api, nowUs } = options;
  const configured = options.configured();
  const takenUs = nowUs();
  const problems: string[] = [];
  // an empty answer after a failure, with the failure written down
  const attempt = async <Item>(what: string, ask: Promise<Item[]>): Promise<Item[]> => {
    try {
      return await ask;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      problems.push(`Cannot list ${what}: ${error.message}`);
      return [];
    }
  };

  const tenants = options.tenantId === ""
    ? (await attempt("the tenants", api.tenants(signal))).map(({ id }) => id)
    : [options.tenantId];
  const listed = await Promise.all(
    tenants.map(async (tenantId) =>
      (await attempt(`the applications of tenant ${tenantId}`, api.applications(tenantId, signal))).map((
        application,
      ) => ({
        ...application,
        tenantId,
      }))
    ),
  );
  const applications = new Map(listed.flat().map((application) => [application.id, application]));
  // a token that may not list applications may still list the devices of one
  for (const { applicationId: id, applicationName: name } of configured) {
    if (!applications.has(id)) applications.set(id, { id, name, tenantId: options.tenantId });
  }

  const profiles = new Map<string, Promise<RemoteMeasurement[]>>();
  const measurementsOf = (profileId: string) => {
    let measurements = profiles.get(profileId);
    if (measurements === undefined) {
      measurements = attempt(`the measurements of device profile ${profileId}`, api.measurements(profileId, signal));
      profiles.set(profileId, measurements);
    }
    return measurements;
  };
  const known = new Set(configured.map(({ devEui }) => devEui));
  const filled = await Promise.all([...applications.values()].map(async (application) => {
    const devices = await attempt(`the devices of application ${application.id}`, api.devices(application.id, signal));
    return {
      ...application,
      devices: await Promise.all(devices.map(async (device) => ({
        ...device,
        configured: known.has(device.devEui),
        measurements: await measurementsOf(device.profileId),
        observedKeys: options.observedKeys(device.devEui),
      }))),
    };
  }));
  return { takenUs, applications: filled, problems };
}

/** Takes inventories and keeps the last one for a minute; who asks while one is being taken waits for the same. */
export class InventoryCache {
  readonly #options: InventoryOptions;
  readonly #signal: AbortSignal;
  #last: Inventory | null = null;
  #taking: Promise<Inventory> | null = null;

  /** @param signal ends what is under way when the source stops */
  constructor(options: InventoryOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** @param fresh ask the server whatever is kept */
  get(fresh: boolean): Promise<Inventory> {
    const last = this.#last;
    if (!fresh && last !== null && this.#options.nowUs() - last.takenUs < INVENTORY_LIFETIME_US) {
      return Promise.resolve(last);
    }
    this.#taking ??= this.#take();
    return this.#taking;
  }

  async #take(): Promise<Inventory> {
    try {
      const inventory = await takeInventory(this.#options, this.#signal);
      // one with holes is shown, but the next to ask gets another try
      this.#last = inventory.problems.length === 0 ? inventory : null;
      return inventory;
    } finally {
      this.#taking = null;
    }
  }
}
