import type { Access } from "../access/access.ts";
import type { Audit } from "../audit/audit.ts";
import type { ControlConfig } from "../config/schema.ts";
import type { Operations } from "../operations/operation.ts";
import type { Role } from "../policy/roles.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { ServerCertificate } from "../tls/server_certificate.ts";

/** What the control endpoint is made of. */
export interface ControlOptions {
  readonly config: ControlConfig;
  /** Speaks TLS on TCP when there is one. A unix socket never does. */
  readonly certificate: ServerCertificate | null;
  readonly operations: Operations;
  readonly access: Access;
  readonly audit: Audit;
  readonly faults: FaultBoard;
  readonly nowUs: () => number;
}

/** One open connection, as lists of sessions show it. */
export interface ControlSession {
  readonly id: string;
  readonly kind: "control";
  /** `null` until it has shown a credential. */
  readonly name: string | null;
  readonly role: Role | null;
  readonly address: string;
  /** How it is connected: `unix`, `tcp` or `tls`. */
  readonly client: string;
  readonly createdUs: number;
  readonly lastUsedUs: number | null;
  readonly expiresUs: number | null;
}

/** A control endpoint that listens. */
export interface ControlHandle {
  /** `unix://…`, `tcp://…` or `tls://…`, with the port that it really has. */
  readonly url: string;
  list(): ControlSession[];
  /** Ends a connection; `false` when there is none with this id. */
  close(id: string): boolean;
  stop(): Promise<void>;
}

/** Starts the control endpoint. */
export function startControl(_options: ControlOptions): Promise<ControlHandle> {
  return Promise.reject(new Error("Cannot start the control endpoint yet"));
}
