import type { Config } from "../config/schema.ts";
import type { LogMessage } from "../telemetry/log_message.ts";

export type { LogMessage };

/** What a role's worker is started with. Secrets travel here, never in the environment. */
export interface GatewayStart {
  readonly role: "gateway";
  readonly config: Config;
  readonly logLevel: Config["logging"]["level"];
  /** Restarts of this worker so far, and why the last one ended. */
  readonly restarts: number;
  readonly lastCrash: string | null;
}

/** Start of the built-in ChirpStack look-alike. */
export interface SimulatorStart {
  readonly role: "simulator";
  readonly options: SimulatorStartOptions;
  readonly logLevel: Config["logging"]["level"];
}

/** What the simulator worker serves. */
export interface SimulatorStartOptions {
  readonly hostname: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly apiToken: string;
  readonly devices: number;
  /** Typical interval between two uplinks of a device, ms. */
  readonly intervalMs: number;
}

export type RoleStart = GatewayStart | SimulatorStart;

/** Supervisor → worker. */
export type ToWorker =
  | { readonly type: "start"; readonly start: RoleStart }
  | { readonly type: "ping"; readonly id: number }
  /** Finish within `graceMs`, then answer `stopped`. */
  | { readonly type: "stop"; readonly graceMs: number };

/** Addresses that a ready role listens on. */
export interface ReadyInfo {
  /** Scheme → URL: `opc.tcp`, `http`, `grpc`. */
  readonly listening: Readonly<Record<string, string>>;
}

/** Why a role cannot start or go on, as the protocol has it. */
export interface RoleFailure {
  readonly code: string;
  readonly message: string;
  /** As in the command line's table: 1 is restarted, others end the process when the role never started. */
  readonly exitCode: number;
}

/** Worker → supervisor. */
export type FromWorker =
  | { readonly type: "ready"; readonly info: ReadyInfo }
  | { readonly type: "pong"; readonly id: number }
  | ({ readonly type: "failed" } & RoleFailure)
  | { readonly type: "stopped" }
  | { readonly type: "log"; readonly record: LogMessage };
