import type { AuditEntry } from "../audit/audit.ts";
import type { Finding } from "../config/finding.ts";
import type { AgentConfig, Config } from "../config/schema.ts";
import type { ReloadEffect, RestartedPart } from "../policy/reload_effect.ts";
import type { LogLevel, LogMessage } from "../telemetry/log_message.ts";

export type { LogMessage, ReloadEffect };

/** What a role's worker is started with. Secrets travel here, never in the environment. */
export interface GatewayStart {
  readonly role: "gateway";
  readonly config: Config;
  readonly logLevel: LogLevel;
  /** Restarts of this worker so far, and why the last one ended. */
  readonly restarts: number;
  readonly lastCrash: string | null;
}

/** What the hub's worker is started with. */
export interface HubStart {
  readonly role: "hub";
  readonly config: Config;
  readonly logLevel: LogLevel;
  /** Restarts of this worker so far, and why the last one ended. */
  readonly restarts: number;
  readonly lastCrash: string | null;
}

/** What the mesh agent's worker is started with. What it joined, it reads from its folder. */
export interface AgentStart {
  readonly role: "agent";
  readonly config: AgentConfig;
  /** SHA-256 of the program, hex: the hub is told it. */
  readonly binarySha256: string;
  readonly logLevel: LogLevel;
  /** Restarts of this worker so far, and why the last one ended. */
  readonly restarts: number;
  readonly lastCrash: string | null;
}

/** Start of the built-in ChirpStack look-alike. */
export interface SimulatorStart {
  readonly role: "simulator";
  readonly options: SimulatorStartOptions;
  readonly logLevel: LogLevel;
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

export type RoleStart = GatewayStart | HubStart | AgentStart | SimulatorStart;

/** Who asked for something that the supervisor does, for versions and the audit. */
export interface Asker {
  readonly principal: string;
  readonly role: string;
  readonly credential: string;
  readonly address: string;
  readonly transport: string;
}

/** One key of the configuration that a proposal changes. Secrets are masked. */
export interface ConfigChange {
  /** As `runtime.web.listen`, or `application[0].device[2].device_name`. */
  readonly path: string;
  /** What it was and what it becomes, as TOML; `null`: not set. */
  readonly before: string | null;
  readonly after: string | null;
  /** What applying it does. */
  readonly effect: ReloadEffect;
}

/** What a proposed configuration means. */
export interface ConfigPlan {
  /** Whether it could be applied: no finding is an error. */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  readonly changes: readonly ConfigChange[];
  /** The strongest effect of all changes; `null` without a change. */
  readonly effect: ReloadEffect | null;
}

/** A configuration that was applied once. */
export interface ConfigVersion {
  /** Counts from 1. */
  readonly version: number;
  readonly timeUs: number;
  readonly by: string;
  readonly trigger: ReloadTrigger;
  /** Changes against the version before, the first 200 of them; secrets masked. */
  readonly changes: readonly ConfigChange[];
  readonly current: boolean;
}

export type ReloadTrigger = "start" | "sighup" | "control" | "web" | "cli" | "restore";

/** What became of an attempt to apply. */
export interface ConfigOutcome extends ConfigPlan {
  readonly applied: boolean;
  /** `validation`, `io`, `conflict` (the file changed meanwhile), `rolled_back`; `null` when it was applied. */
  readonly reason: "validation" | "io" | "conflict" | "rolled_back" | null;
  readonly error: string | null;
  readonly version: number | null;
  readonly durationMs: number;
}

/** Things that only the supervisor can do, and their answers. */
export interface HostCalls {
  /** The file's text and the effective values, secrets masked, each with its origin. `etag` names this text. */
  "config.get": {
    request: Record<never, never>;
    answer: {
      readonly file: string;
      readonly text: string;
      readonly etag: string;
      readonly values: readonly { readonly path: string; readonly value: string; readonly origin: string }[];
    };
  };
  /** `text` replaces the file; `set` changes single keys in it, values as TOML (`"8080"`, `true`), `null` removes. */
  "config.plan": {
    request: ConfigProposal & {
      /** Whether who asks may learn that a secret of the proposal is the present one; else each counts as a change. */
      readonly comparesSecrets?: boolean | undefined;
    };
    answer: ConfigPlan;
  };
  "config.apply": {
    request: ConfigProposal & {
      readonly by: Asker;
      readonly trigger: ReloadTrigger;
      readonly etag?: string | undefined;
    };
    answer: ConfigOutcome;
  };
  "config.reload": { request: { readonly by: Asker; readonly trigger: ReloadTrigger }; answer: ConfigOutcome };
  "config.versions": { request: Record<never, never>; answer: { readonly versions: readonly ConfigVersion[] } };
  "config.restore": { request: { readonly version: number; readonly by: Asker }; answer: ConfigOutcome };
  /** `null` goes back to the configured level. */
  "log.level": { request: { readonly level: LogLevel | null }; answer: { readonly level: LogLevel } };
  /** Makes a new self-managed certificate and key at the configured paths. */
  "pki.renew": {
    request: { readonly by: Asker };
    answer: { readonly notAfterUs: number; readonly fingerprint: string };
  };
  "restart": { request: { readonly by: Asker }; answer: Record<never, never> };
  "shutdown": { request: { readonly by: Asker }; answer: Record<never, never> };
}

/** Exactly one of the two. */
export type ConfigProposal =
  | { readonly text: string; readonly set?: undefined }
  | { readonly set: Readonly<Record<string, string | null>>; readonly text?: undefined };

export type HostCallName = keyof HostCalls;

/** The supervisor as a role sees it. Rejects with a {@link HostRefusal}. */
export interface Host {
  call<K extends HostCallName>(name: K, request: HostCalls[K]["request"]): Promise<HostCalls[K]["answer"]>;
}

/** The supervisor could not do it; the message is for people. */
export class HostRefusal extends Error {
  override readonly name = "HostRefusal";

  constructor(readonly code: "conflict" | "not_found" | "not_configured" | "io" | "internal", message: string) {
    super(message);
  }
}

/** A configuration that a running gateway is to take over, part by part. */
export interface Reconfigure {
  readonly config: Config;
  /** Parts to restart; everything else that differs is taken over live. */
  readonly restart: readonly RestartedPart[];
}

/** Supervisor → worker. */
export type ToWorker =
  | { readonly type: "answer"; readonly id: number; readonly answer: HostAnswer }
  /** The worker answers `reconfigured`. */
  | { readonly type: "reconfigure"; readonly id: number; readonly change: Reconfigure }
  /** A record for the audit of something that the supervisor did. */
  | { readonly type: "audit"; readonly entry: AuditEntry }
  | { readonly type: "log_level"; readonly level: LogLevel }
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

export type HostAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: HostRefusal["code"]; readonly message: string };

/** Worker → supervisor. */
export type FromWorker =
  | { readonly type: "call"; readonly id: number; readonly name: HostCallName; readonly request: unknown }
  /** `error`: it could not take over and goes on with what it had. */
  | { readonly type: "reconfigured"; readonly id: number; readonly error: string | null }
  | { readonly type: "ready"; readonly info: ReadyInfo }
  | { readonly type: "pong"; readonly id: number }
  | ({ readonly type: "failed" } & RoleFailure)
  | { readonly type: "stopped" }
  | { readonly type: "log"; readonly record: LogMessage };
