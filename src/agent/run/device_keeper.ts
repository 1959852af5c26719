import { getLogger } from "@logtape/logtape";
import { meshMtu } from "../../mesh/constants.ts";
import { Backoff } from "../../telemetry/backoff.ts";
import { pause } from "../../telemetry/pause.ts";
import type { OwnKeys } from "../files/own_keys.ts";
import { openDevice } from "../wireguard/open_device.ts";
import { DeviceError, type PeerChange, type WireGuardDevice } from "../wireguard/wireguard_device.ts";

const log = getLogger(["edgekeep", "agent"]);

/** What a {@link DeviceKeeper} opens. */
export interface DeviceKeeperOptions {
  readonly name: string;
  readonly listenPort: number;
  readonly backend: "auto" | "kernel" | "userspace";
  readonly keys: OwnKeys;
  readonly meshIp: string;
  /** `false` holds the interface down. */
  readonly mayBeUp: () => boolean;
  /** Another device took the place of one that broke. */
  readonly onReopened: () => void;
}

/** Keeps one WireGuard interface there: opens it, gives it key and address, and opens it anew when it breaks. */
export class DeviceKeeper {
  readonly #options: DeviceKeeperOptions;
  readonly #ending = new AbortController();
  #device: WireGuardDevice | null = null;
  #reopening: Promise<void> | null = null;
  #stopped = false;

  constructor(options: DeviceKeeperOptions) {
    this.#options = options;
  }

  /** Opens it for the first time. Rejects with a DeviceError. */
  async open(): Promise<void> {
    this.#device = await this.#open();
  }

  /** The device now. @throws DeviceError `gone` while it is being opened anew */
  current(): WireGuardDevice {
    if (this.#device === null) throw new DeviceError("gone", "The tunnel interface is being opened anew");
    return this.#device;
  }

  /** The device for those who need two of its methods, whichever it is at the moment. */
  get view(): Pick<WireGuardDevice, "state" | "apply"> {
    return {
      state: async () => await this.current().state(),
      apply: async (changes: readonly PeerChange[]) => await this.current().apply(changes),
    };
  }

  /** Puts back what somebody changed of the interface. Rejects with a DeviceError. */
  async repair(): Promise<void> {
    if (this.#device !== null) await this.#device.ensureInterface(this.#options.meshIp, meshMtu);
  }

  /** Ends; `remove`: and takes the interface away, else it goes on carrying packets. */
  async stop(remove: boolean): Promise<void> {
    this.#stopped = true;
    const device = this.#device;
    this.#device = null;
    try {
      // before its signal ends what it does
      if (remove) await device?.remove();
      else await device?.release();
    } finally {
      this.#ending.abort();
      await this.#reopening;
    }
  }

  async #open(): Promise<WireGuardDevice> {
    const { name, listenPort, backend, keys, meshIp, mayBeUp } = this.#options;
    const ownKeys = [keys.tunnel, keys.next].flatMap((key) => key === null ? [] : [key.wireGuard.publicKey]);
    const device = await openDevice({
      name,
      listenPort,
      backend,
      ownKeys,
      mayBeUp,
      signal: this.#ending.signal,
      onGone: (reason) => this.#gone(reason),
    });
    // a rotation that had switched goes on with the new key, whatever the device had
    const { wireGuard } = keys.next?.switched === true ? keys.next : keys.tunnel;
    const { publicKey } = await device.state();
    if (publicKey?.toHex() !== wireGuard.publicKey.toHex()) await device.setPrivateKey(wireGuard.privateKey);
    await device.ensureInterface(meshIp, meshMtu);
    return device;
  }

  #gone(reason: string): void {
    if (this.#stopped) return;
    log.error("The tunnel interface is gone and is opened anew: {reason}", { event: "agent_device_gone", reason });
    this.#device = null;
    this.#reopening ??= this.#reopen().finally(() => this.#reopening = null);
  }

  async #reopen(): Promise<void> {
    const { signal } = this.#ending;
    const backoff = new Backoff({ firstMs: 500, maxMs: 30_000 });
    while (!this.#stopped) {
      try {
        this.#device = await this.#open();
        return this.#options.onReopened();
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.error("The tunnel interface cannot be opened: {reason}", { event: "agent_device_failed", reason });
        await pause(backoff.next(performance.now()), signal);
      }
    }
  }
}
