import { configureForwardingLog } from "../telemetry/log.ts";
import type { FromWorker, ReadyInfo, RoleStart, ToWorker } from "./role_protocol.ts";

/** A role that runs in this worker. */
export interface RunningRole {
  readonly ready: ReadyInfo;
  stop(): Promise<void>;
}

/** The worker's side of a channel to the supervisor; `self` in a worker. */
export interface RolePort {
  postMessage(message: FromWorker): void;
  addEventListener(type: "message", listener: (event: MessageEvent<ToWorker>) => void): void;
  close(): void;
}

/** What a role's worker entry plugs into the supervisor's protocol. */
export interface RoleServing {
  /** Starts the role; what it throws is sorted by `failure` and reported. */
  readonly start: (start: RoleStart) => Promise<RunningRole>;
  /** Sorts an error of the start by the command line's exit codes. */
  readonly failure: (error: unknown) => { readonly code: string; readonly message: string; readonly exitCode: number };
}

/**
 * Runs a role in this worker: waits for `start`, forwards the log, answers `ping`, and on `stop` takes the role down
 * and closes the worker. A `stop` that comes while the role still starts is honoured as soon as it has started.
 */
export function serveRole(port: RolePort, { start, failure }: RoleServing): void {
  let running: Promise<RunningRole> | undefined;
  let stopping = false;

  const begin = async (message: RoleStart): Promise<RunningRole> => {
    await configureForwardingLog(message.logLevel, (record) => port.postMessage({ type: "log", record }));
    const role = await start(message);
    if (!stopping) port.postMessage({ type: "ready", info: role.ready });
    return role;
  };
  const end = async () => {
    stopping = true;
    try {
      await (await running)?.stop();
    } finally {
      port.postMessage({ type: "stopped" });
      port.close();
    }
  };

  port.addEventListener("message", ({ data }) => {
    switch (data.type) {
      case "start":
        running ??= begin(data.start);
        running.catch((error) => {
          port.postMessage({ type: "failed", ...failure(error) });
          port.close();
        });
        break;
      case "ping":
        port.postMessage({ type: "pong", id: data.id });
        break;
      case "stop":
        // an error of the stop must reach the supervisor as a crash, not vanish
        end().catch((error) =>
          queueMicrotask(() => {
            throw error;
          })
        );
        break;
    }
  });
}
