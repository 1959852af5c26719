import type { AuditEntry } from "../audit/audit.ts";
import type { LogLevel } from "../telemetry/log_message.ts";
import type { HostCallName, HostCalls, Reconfigure } from "./role_protocol.ts";

/** What the supervisor does for its roles, and on signals. */
export interface HostService {
  /** Answers a role's call. Rejects with a `HostRefusal`; anything else is answered as `internal`. */
  call<K extends HostCallName>(name: K, request: HostCalls[K]["request"]): Promise<HostCalls[K]["answer"]>;
  /** Reads the configuration again, as SIGHUP asks. Never rejects. */
  reload(): Promise<void>;
  /** Waits until nothing is half done, or until `force` is aborted. */
  stop(force: AbortSignal): Promise<void>;
}

/** The running gateway role as the service handles it. */
export interface RoleControl {
  /** Whether the worker serves. */
  isReady(): boolean;
  /**
   * Has the worker take over a change. Rejects with its reason, and then it runs as before; or, when it gives no answer
   * in time, with a {@link ReplaceError}.
   */
  reconfigure(change: Reconfigure): Promise<void>;
  /**
   * Stops the worker in order and starts it with the present start message and permissions. Resolves when it is ready.
   * Rejects with a {@link ReplaceError}; the role is then down. With `keepTrying` it rejects as well, but the role goes
   * on trying with growing waits.
   */
  replace(options?: { readonly keepTrying?: boolean }): Promise<void>;
  /** Sends a record for the audit; it waits until the role is ready. */
  audit(entry: AuditEntry): void;
  /** Changes the level of every role's log at once. */
  setLogLevel(level: LogLevel): void;
  /** Stops the process in order, with exit code 0. */
  shutdown(): void;
  /** Ends the process with code 1: something is in a state that only a new process gets out of. */
  giveUp(message: string): void;
}

/** A worker did not get where it should, and not by its own word. */
export class ReplaceError extends Error {
  override readonly name = "ReplaceError";

  /**
   * @param kind `failed`: it ended or gave no answer in time; `blocked`: its thread does not answer, and only the end of
   *   the process ends it; `stopping`: the whole process ends
   */
  constructor(message: string, readonly kind: "failed" | "blocked" | "stopping") {
    super(message);
  }
}
