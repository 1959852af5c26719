import { getLogger } from "@logtape/logtape";
import { configureLog, type LogHandle, type LogSettings } from "../telemetry/log.ts";
import { listenForSignals } from "../supervisor/process_signals.ts";
import { supervise, type SuperviseOptions } from "../supervisor/supervisor.ts";
import { openServiceManager } from "../supervisor/systemd_notify.ts";
import type { RoleSpec } from "../supervisor/worker_role.ts";
import { ExitCode } from "./exit_code.ts";
import { printError } from "./print.ts";

/** What a command runs. */
export interface SupervisedRoles {
  readonly roles: readonly RoleSpec[];
  /** Answers the roles' calls and takes over changed configurations; without it SIGHUP changes nothing. */
  readonly host?: SuperviseOptions["host"];
}

/** How a command runs its roles. */
export interface SupervisedOptions extends Pick<SuperviseOptions, "onReady" | "explainFailure"> {
  readonly logging: LogSettings;
  /** Whether a role runs programs. What does not gives up the permission of the process to. */
  readonly runsPrograms?: boolean;
  /** Values that no log may show. */
  readonly secrets: readonly string[];
  /** Called when the log works, before the first role starts. */
  readonly onLog?: (log: LogHandle) => void;
}

/**
 * Runs roles until a signal ends them, with everything a process of ours does around them: log, signals, systemd.
 *
 * @param compose makes the roles when the log works
 * @returns the exit code of the process
 */
export async function runSupervised(
  compose: (log: LogHandle) => SupervisedRoles,
  options: SupervisedOptions,
): Promise<number> {
  const { logging, runsPrograms = false, secrets, onLog, ...rest } = options;
  if (!runsPrograms) await Deno.permissions.revoke({ name: "run" });
  let log: LogHandle;
  try {
    log = await configureLog(logging, secrets);
  } catch (error) {
    printError(`Cannot write the log into ${logging.dir}: ${error instanceof Error ? error.message : error}\n`);
    return ExitCode.LocalResource;
  }
  const signals = listenForSignals();
  const serviceManager = openServiceManager(Deno.env.toObject());
  try {
    onLog?.(log);
    const { roles, host } = compose(log);
    return await supervise(roles, {
      ...rest,
      ...host === undefined ? {} : { host },
      signal: signals.stop,
      force: signals.force,
      onReload: (listener) => signals.onReload(listener),
      log,
      serviceManager,
    });
  } catch (error) {
    getLogger(["edgekeep", "supervisor"]).fatal("The supervisor failed: {error}", {
      event: "supervisor_failed",
      error,
    });
    return ExitCode.Failed;
  } finally {
    await serviceManager?.close();
    signals.dispose();
    await log.dispose();
  }
}
