import type { PolicyRule } from "../../../src/mesh/state.ts";
import type { PolicyPeer } from "../../../src/agent/firewall/effective_rules.ts";
import type { PeerChange } from "../../../src/agent/wireguard/wireguard_device.ts";

/** What a test asks of the tunnel on a machine. */
export type WireGuardRequest =
  | {
    readonly do: "open";
    readonly options: {
      readonly name: string;
      readonly backend: "auto" | "kernel" | "userspace";
      readonly listenPort: number;
      readonly ownKeys?: readonly Uint8Array[];
    };
    /** The firewall decides whether the interface may be up. */
    readonly guarded?: boolean;
    /** Takes over an interface that is there, by the program `wg`. */
    readonly overWg?: boolean;
  }
  | { readonly do: "setPrivateKey"; readonly privateKey: Uint8Array }
  | { readonly do: "apply"; readonly changes: readonly PeerChange[] }
  | { readonly do: "ensureInterface"; readonly meshIp: string; readonly mtu: number }
  | { readonly do: "ensureRoutes"; readonly meshIps: readonly string[] }
  | { readonly do: "firewall"; readonly interface: string; readonly meshCidr: string; readonly broken?: boolean }
  | { readonly do: "rules"; readonly rules: readonly PolicyRule[]; readonly peers: readonly PolicyPeer[] }
  | { readonly do: "watch"; readonly meshInterface: string; readonly intervalMs: number }
  | { readonly do: "poll"; readonly stateMs: number; readonly verifyMs: number }
  | {
    readonly do:
      | "state"
      | "release"
      | "remove"
      | "gone"
      | "verify"
      | "counters"
      | "closed"
      | "unfirewall"
      | "faults"
      | "facts"
      | "changes"
      | "looks"
      | "cpu";
  };

/** JSON in one line, with bytes as hex. */
export function encodeMessage(message: unknown): string {
  return JSON.stringify(message, (_, value) => value instanceof Uint8Array ? { hex: value.toHex() } : value);
}

/** What {@link encodeMessage} wrote. */
export function decodeMessage(line: string): unknown {
  return JSON.parse(
    line,
    (_, value) => typeof value?.hex === "string" ? Uint8Array.fromHex(value.hex) : value,
  );
}
