import { getLogger } from "@logtape/logtape";
import type { Finding } from "../config/finding.ts";
import type { Config } from "../config/schema.ts";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import { type Listener, listenersOf } from "../policy/listeners.ts";
import { meshListenersOf } from "../policy/mesh_listeners.ts";
import { configuredRole } from "../supervisor/configured_role.ts";
import { loadJudgedConfig } from "../supervisor/judged_config.ts";
import { portOwner } from "../supervisor/port_owner.ts";
import type { RoleFailure } from "../supervisor/worker_role.ts";
import { version } from "../version.ts";
import { type ConfigChoice, configOrReport } from "./config_or_exit.ts";
import type { CliContext } from "./context.ts";
import { ExitCode } from "./exit_code.ts";
import { runSupervised } from "./supervised.ts";

const log = getLogger(["edgekeep", "supervisor"]);

/** Runs a role with its configuration until a signal ends it. Gives the exit code of the process. */
export async function runConfigured(
  role: ConfiguredRole,
  entry: URL,
  choice: ConfigChoice,
  context: CliContext,
): Promise<number> {
  const loaded = await configOrReport(choice, true, role);
  if (loaded === null) return ExitCode.ConfigRefused;
  const { config, file, findings, secrets } = loaded;
  return await runSupervised((log) => {
    const { spec, host } = configuredRole({
      role,
      entry,
      code: context,
      loaded,
      load: (text) => loadJudgedConfig({ path: file, text, toRun: true, role }),
      log,
    });
    return { roles: [spec], host };
  }, {
    logging: config.logging,
    secrets,
    explainFailure: (failure) => explainFailure(failure, config, role),
    onLog() {
      log.info("Edgekeep {version} starts with {file}", { event: "process_started", version, file, pid: Deno.pid });
      for (const finding of findings) logFinding(finding);
    },
  });
}

function logFinding({ severity, rule, path, line, text, fix }: Finding): void {
  const fields = { event: "config_finding", rule, path, line, text, fix };
  if (severity === "note") log.info("Configuration: {text}. {fix}", fields);
  else log.warning("Configuration: {text}. {fix}", fields);
}

/** Names the port that is taken, where it is configured, and who holds it. */
async function explainFailure({ code, message }: RoleFailure, config: Config, role: ConfiguredRole): Promise<string> {
  if (code !== "EADDRINUSE") return message;
  for (const listener of ownListeners(config, role)) {
    const { host, transport, portAt } = listener;
    const port = takenPort(listener);
    if (port === null) continue;
    const key = `[${portAt.slice(0, -1).join(".")}].${portAt.at(-1)}`;
    const owner = transport === "tcp" ? await portOwner(host, port) : null;
    const look = `ss -l${transport === "tcp" ? "t" : "u"}np 'sport = :${port}'`;
    return `Port ${port} of ${host} (${key}) is already in use${owner === null ? "" : ` by ${owner}`}. ` +
      `Stop the other program (${look} shows it) or change ${key}`;
  }
  return message;
}

/** Listeners of the process itself: a hub opens none of OPC UA, and no process but the agent opens the agent's. */
function ownListeners(config: Config, role: ConfiguredRole): Listener[] {
  return [...meshListenersOf(config, role), ...listenersOf(config)].filter(({ listener }) =>
    listener !== "agent" && (role === "gateway" || listener !== "opcua")
  );
}

/** The first of the listener's ports that another program has; `null` when all are free. */
function takenPort({ host, port, lastPort = port, transport }: Listener): number | null {
  for (let one = port; one <= lastPort; one++) {
    try {
      if (transport === "tcp") Deno.listen({ hostname: host, port: one }).close();
      else Deno.listenDatagram({ transport: "udp", hostname: host, port: one }).close();
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) return one;
    }
  }
  return null;
}
