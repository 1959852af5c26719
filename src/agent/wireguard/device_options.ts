import { type RunProgram, runProgram } from "../network/run_program.ts";
import { DeviceError } from "./wireguard_device.ts";

/** What a device is opened with. */
export interface DeviceOptions {
  /** 1 to 15 letters, digits, `_` and `-`, a letter first. */
  readonly name: string;
  /** UDP port of the tunnels; 0: any, and an adopted device keeps its own. */
  readonly listenPort: number;
  /** Ends what is under way; the interface stays. */
  readonly signal: AbortSignal;
  /** Called once when the interface or its daemon ends by itself: every later call fails with `gone`, so open it anew. */
  readonly onGone: (reason: string) => void;
  /** Public keys that a running interface of the name may have to be adopted; without one of them it is foreign. */
  readonly ownKeys?: readonly Uint8Array[];
  /** Asked whenever the interface is looked after; `false`, as without a firewall, holds it down. `true` unless given. */
  readonly mayBeUp?: () => boolean;
  /** Unless told: {@link runProgram}. */
  readonly run?: RunProgram;
}

/** The options with what is taken unless told. */
export type OpenOptions = Required<DeviceOptions>;

/** @throws DeviceError `failed` for a name that Linux or the programs would not take as one */
export function completeOptions(options: DeviceOptions): OpenOptions {
  if (!/^[a-z][a-z0-9_-]{0,14}$/i.test(options.name)) {
    throw new DeviceError("failed", "The name of the tunnel interface is not 1 to 15 letters, digits, _ and -");
  }
  return { ownKeys: [], mayBeUp: () => true, run: runProgram, ...options };
}

/** Whether a running device may be adopted: it has one of the own keys, or none as yet. */
export function isOwnKey(publicKey: Uint8Array | null, ownKeys: readonly Uint8Array[]): boolean {
  return publicKey === null || ownKeys.some((key) => key.toHex() === publicKey.toHex());
}
