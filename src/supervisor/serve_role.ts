import process from "node:process";
import type { AuditEntry } from "../audit/audit.ts";
import { configureForwardingLog, type Log } from "../telemetry/log.ts";
import { HostLink } from "./host_link.ts";
import type { FromWorker, Host, ReadyInfo, Reconfigure, RoleFailure, RoleStart, ToWorker } from "./role_protocol.ts";

/** A role that runs in this worker. */
export interface RunningRole {
  readonly ready: ReadyInfo;
  stop(): Promise<void>;
  /** Takes over a changed configuration. When it rejects, everything runs as before. A role without it refuses. */
  reconfigure?(change: Reconfigure): Promise<void>;
  /** Records something that the supervisor did. */
  audit?(entry: AuditEntry): void;
}

/** The worker's side of a channel to the supervisor; `self` in a worker. */
export interface RolePort {
  postMessage(message: FromWorker): void;
  addEventListener(type: "message", listener: (event: MessageEvent<ToWorker>) => void): void;
  addEventListener(type: "error", listener: (event: ErrorEvent) => void): void;
  addEventListener(type: "unhandledrejection", listener: (event: PromiseRejectionEvent) => void): void;
  close(): void;
}

/** What a role's worker entry plugs into the supervisor's protocol. */
export interface RoleServing {
  /** Starts the role; what it throws is sorted by `failure` and reported. `host` does what only the supervisor can. */
  readonly start: (start: RoleStart, host: Host) => Promise<RunningRole>;
  /** Sorts an error of the start by the command line's exit codes. */
  readonly failure: (error: unknown) => RoleFailure;
}

/**
 * Runs a role in this worker: waits for `start`, forwards the log, answers `ping`, and on `stop` takes the role down
 * and closes the worker. A `stop` that comes while the role still starts is honoured as soon as it has started.
 *
 * An error that nobody catches ends the role and is reported as its failure. Left to the runtime it would be printed as
 * it is, with whatever secret it holds.
 */
export function serveRole(port: RolePort, { start, failure }: RoleServing): void {
  let running: Promise<RunningRole> | undefined;
  let stopping = false;
  let failed = false;
  let log: Log | null = null;
  const host = new HostLink((id, name, request) => port.postMessage({ type: "call", id, name, request }));

  const fail = (reported: RoleFailure) => {
    if (failed) return;
    failed = true;
    port.postMessage({ type: "failed", ...reported });
    port.close();
  };
  const uncaught = (error: unknown) => {
    const message = error instanceof Error ? error.stack ?? error.message : String(error);
    fail({ code: "uncaught", message, exitCode: 1 });
  };
  const begin = async (message: RoleStart): Promise<RunningRole> => {
    log = await configureForwardingLog(message.logLevel, (record) => port.postMessage({ type: "log", record }));
    const role = await start(message, host);
    if (!stopping) port.postMessage({ type: "ready", info: role.ready });
    return role;
  };
  const end = async () => {
    if (stopping) return;
    stopping = true;
    try {
      await (await running)?.stop();
      port.postMessage({ type: "stopped" });
      port.close();
    } catch (error) {
      uncaught(error);
    }
  };

  const reconfigure = async (id: number, change: Reconfigure) => {
    let error: string | null = null;
    try {
      const role = await running;
      if (role?.reconfigure === undefined) throw new Error("This role takes its configuration at its start alone");
      await role.reconfigure(change);
    } catch (reason) {
      error = reason instanceof Error ? reason.message : String(reason);
    }
    port.postMessage({ type: "reconfigured", id, error });
  };

  reportExit((code) => uncaught(new Error(`Something called exit(${code})`)));
  port.addEventListener("error", (event) => {
    event.preventDefault();
    uncaught(event.error ?? event.message);
  });
  port.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    uncaught(event.reason);
  });
  port.addEventListener("message", ({ data }) => {
    switch (data.type) {
      case "start":
        running ??= begin(data.start);
        running.catch((error) => {
          if (!stopping) fail(failure(error));
        });
        break;
      case "ping":
        port.postMessage({ type: "pong", id: data.id });
        break;
      case "stop":
        void end();
        break;
      case "answer":
        host.settle(data.id, data.answer);
        break;
      case "reconfigure":
        void reconfigure(data.id, data.change);
        break;
      case "audit":
        // one that comes while the role starts waits; when the start fails, that is reported as such
        running?.then((role) => role.audit?.(data.entry)).catch(() => {});
        break;
      case "log_level":
        log?.setLevel(data.level);
        break;
    }
  });
}

/** An `exit` inside a worker ends the worker without a word, which the supervisor could not tell from a busy one. */
function reportExit(report: (code: unknown) => void): void {
  const exit = (code?: unknown): never => {
    report(code ?? 0);
    throw new Error("The role is ending");
  };
  Object.defineProperty(Deno, "exit", { value: exit, configurable: true });
  Object.defineProperty(process, "exit", { value: exit, configurable: true });
}
