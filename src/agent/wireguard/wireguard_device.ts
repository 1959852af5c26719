/** A peer as the device has it. Keys raw. */
export interface DevicePeer {
  readonly publicKey: Uint8Array;
  /** Whether a pre-shared key is set; the key itself is not read back into the agent. */
  readonly hasPsk: boolean;
  /** `ip:port`, IPv6 in brackets. */
  readonly endpoint: string | null;
  readonly allowedIps: readonly string[];
  readonly keepaliveS: number;
  /** µs UTC by this machine's clock; `null`: never. */
  readonly lastHandshakeUs: number | null;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** The device now. */
export interface DeviceState {
  readonly publicKey: Uint8Array | null;
  readonly listenPort: number;
  readonly peers: readonly DevicePeer[];
}

/** One change of a peer. What is absent stays as it is. */
export type PeerChange =
  | { readonly publicKey: Uint8Array; readonly remove: true }
  | {
    readonly publicKey: Uint8Array;
    readonly remove?: false;
    /** `true`: only if the peer is there (UAPI `update_only`). */
    readonly updateOnly?: boolean;
    readonly psk?: Uint8Array;
    readonly endpoint?: string;
    /** Replaces all of them. */
    readonly allowedIps?: readonly string[];
    readonly keepaliveS?: number;
  };

/** A WireGuard interface. Methods reject with a {@link DeviceError}; calls run one after the other in the order given. */
export interface WireGuardDevice {
  readonly backend: "kernel" | "userspace";
  readonly name: string;
  state(): Promise<DeviceState>;
  setPrivateKey(privateKey: Uint8Array): Promise<void>;
  /** All changes in one transaction where the backend has one (UAPI `set=1`), in this order; nothing else is touched. */
  apply(changes: readonly PeerChange[]): Promise<void>;
  /** Address, MTU, IPv6 off, up; idempotent, and repairs what somebody changed. */
  ensureInterface(meshIp: string, mtu: number): Promise<void>;
  /** One host route a peer on this interface and no other; idempotent by difference. */
  ensureRoutes(meshIps: readonly string[]): Promise<void>;
  /** Leaves the interface alone and lets go of it. */
  release(): Promise<void>;
  /** Removes the interface. */
  remove(): Promise<void>;
}

/**
 * `no_backend`: this machine has no WireGuard; `name_taken`: the interface is somebody else's; `port_taken`: the UDP port
 * is; `not_permitted`: the program lacks a right; `gone`: the interface or its daemon is no more, open it anew.
 */
export type DeviceErrorCode = "no_backend" | "name_taken" | "port_taken" | "not_permitted" | "gone" | "failed";

/** The device cannot do it; the message is for people. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";

  constructor(readonly code: DeviceErrorCode, message: string) {
    super(message);
  }
}
