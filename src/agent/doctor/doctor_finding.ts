/** Every code of a finding; stable, for programs. */
export type DoctorCode =
  | "clock"
  | "time_floor"
  | "hub"
  | "hub_pin"
  | "udp"
  | "nat"
  | "mtu"
  | "wireguard"
  | "wireguard_version"
  | "nftables"
  | "firewall"
  | "other_firewall"
  | "route_overlap"
  | "routes"
  | "files"
  | "unit"
  | "check_failed";

/** What one check says. */
export interface DoctorFinding {
  readonly code: DoctorCode;
  /** `note`: could not be looked at, or is worth knowing; nothing is wrong. */
  readonly severity: "ok" | "note" | "warning" | "error";
  /** What was found, in one sentence. */
  readonly detail: string;
  /** What to do; absent when there is nothing to do. */
  readonly remedy?: string;
}
