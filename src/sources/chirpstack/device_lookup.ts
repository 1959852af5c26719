import type { DeviceDefinition } from "../../config/topology.ts";
import { CallError } from "./call_error.ts";
import type { ChirpStackApi, RemoteDevice } from "./chirpstack_api.ts";

/** What ChirpStack says about the configured devices. */
export interface LookupResult {
  readonly found: ReadonlyMap<string, RemoteDevice>;
  /** DevEUIs that it does not know, or does not show to this token. */
  readonly missing: ReadonlySet<string>;
}

/**
 * Asks for the configured devices with as few calls as it takes: the list of an application in pages, or each device by
 * itself where fewer of them are configured than the application's list has pages. A device that its application does
 * not list is asked for by itself, so that a wrong `application_id` costs nothing but calls.
 */
export class DeviceLookup {
  readonly #api: ChirpStackApi;
  readonly #pageSize: number;
  #applications: ReadonlyMap<string, readonly DeviceDefinition[]>;
  /** Length of each application's list when it was read last. */
  readonly #listed = new Map<string, number>();

  constructor(api: ChirpStackApi, pageSize: number, devices: readonly DeviceDefinition[]) {
    this.#api = api;
    this.#pageSize = pageSize;
    this.#applications = Map.groupBy(devices, ({ applicationId }) => applicationId);
  }

  /** The devices to ask for from now on. */
  setDevices(devices: readonly DeviceDefinition[]): void {
    this.#applications = Map.groupBy(devices, ({ applicationId }) => applicationId);
  }

  /**
   * Asks once. An empty configuration asks too, for anything, so that address and token are tried.
   *
   * @throws {CallError} when the server cannot be reached or refuses the token altogether
   */
  async look(tenantId: string, signal: AbortSignal): Promise<LookupResult> {
    const found = new Map<string, RemoteDevice>();
    const missing = new Set<string>();
    if (this.#applications.size === 0) {
      await (tenantId === "" ? this.#api.tenants(signal) : this.#api.applications(tenantId, signal));
    }
    let accepted = false;
    let refusal: CallError | null = null;
    const ask = async (devEui: string) => {
      try {
        found.set(devEui, await this.#api.device(devEui, signal));
        accepted = true;
      } catch (error) {
        if (!(error instanceof CallError) || error.kind === "unreachable") throw error;
        if (error.kind === "unknown") accepted = true;
        else refusal = error;
        if (error.kind !== "failed") missing.add(devEui);
      }
    };
    await all([...this.#applications].map(async ([applicationId, devices]) => {
      const pages = Math.ceil((this.#listed.get(applicationId) ?? 0) / this.#pageSize);
      const wanted = new Set(devices.map(({ devEui }) => devEui));
      if (wanted.size > pages) {
        try {
          const listed = await this.#api.devices(applicationId, signal);
          accepted = true;
          this.#listed.set(applicationId, listed.length);
          for (const device of listed) if (wanted.delete(device.devEui)) found.set(device.devEui, device);
        } catch (error) {
          // an application that does not exist, or whose id is none, leaves its devices to be asked for one by one
          if (!(error instanceof CallError) || error.kind === "unreachable") throw error;
          if (error.kind === "unauthorized") refusal = error;
        }
      }
      await all([...wanted].map(ask));
    }));
    if (!accepted && refusal !== null) throw refusal;
    return { found, missing };
  }
}

// Like Promise.all, but leaves nothing running behind a rejection.
async function all(tasks: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(tasks)) if (result.status === "rejected") throw result.reason;
}
