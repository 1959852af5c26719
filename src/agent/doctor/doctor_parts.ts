import type { DoctorFinding } from "./doctor_finding.ts";
import type { RunProgram } from "../network/run_program.ts";
import type { NatReport } from "../paths/nat_report.ts";

/** What the doctor looks at and with. What does not exist yet, as before the join, is `null`. */
export interface DoctorParts {
  /** Name of the tunnel interface. */
  readonly interface: string;
  readonly listenPort: number;
  readonly backend: "auto" | "kernel" | "userspace";
  /** The agent's folder. */
  readonly dir: string;
  readonly meshCidr: string | null;
  /** Mesh addresses of the peers that the last state names. */
  readonly peerIps: readonly string[];
  /** Addresses of the hub's observers, `ip:port`. */
  readonly observers: readonly string[];
  /** The highest time that this node has used, µs UTC: WireGuard peers refuse earlier ones. */
  readonly timeFloorUs: number | null;
  /** Asks the hub for its time over the pinned connection, µs UTC. Rejects with a HubRequestError or a MeshError. */
  readonly hubTimeUs: (() => Promise<number>) | null;
  /** What the running agent says; `null`: none runs. */
  readonly agent: {
    readonly nat: NatReport;
    readonly heldDown: "no_firewall" | "offline" | null;
    readonly backend: "kernel" | "userspace" | null;
  } | null;
  /** Folders where systemd looks for units. */
  readonly unitFolders: readonly string[];
  /** This machine's clock, µs UTC. */
  readonly nowUs: () => number;
  readonly run: RunProgram;
  readonly signal: AbortSignal;
}

/** Looks at one thing. Rejecting is allowed: it becomes a finding `check_failed`. */
export type DoctorCheck = (parts: DoctorParts) => Promise<readonly DoctorFinding[]>;
