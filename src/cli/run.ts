import { Command } from "commander";
import { getLogger } from "@logtape/logtape";
import type { Finding } from "../config/finding.ts";
import type { Config } from "../config/schema.ts";
import { listenersOf } from "../policy/listeners.ts";
import { configuredRole } from "../supervisor/configured_role.ts";
import { loadJudgedConfig } from "../supervisor/judged_config.ts";
import { portOwner } from "../supervisor/port_owner.ts";
import type { RoleFailure } from "../supervisor/worker_role.ts";
import { version } from "../version.ts";
import { type ConfigChoice, configOrReport, withConfigOptions } from "./config_or_exit.ts";
import type { CliContext } from "./context.ts";
import { ExitCode } from "./exit_code.ts";
import { runSupervised } from "./supervised.ts";

const log = getLogger(["edgekeep", "supervisor"]);

/** `edgekeep run`: the gateway, until a signal ends it. */
export function runCommand(context: CliContext): Command {
  return withConfigOptions(new Command("run"))
    .description("run the gateway until SIGTERM or Ctrl-C; a second one does not wait for an orderly end")
    .addHelpText(
      "after",
      `
Examples:
  edgekeep run --config /etc/edgekeep/edgekeep.toml
  EDGEKEEP_CHIRPSTACK__API_TOKEN=… EDGEKEEP_LOG_LEVEL=debug edgekeep run --project ./plant

SIGHUP reads the configuration again and applies what changed, as \`edgekeep ctl config.reload\` does.
The log goes to standard error, and to files when [logging].dir is set.`,
    )
    .action(async (choice: ConfigChoice) => {
      Deno.exitCode = await runGateway(choice, context);
    });
}

async function runGateway(choice: ConfigChoice, context: CliContext): Promise<number> {
  const loaded = await configOrReport(choice, true, "gateway");
  if (loaded === null) return ExitCode.ConfigRefused;
  const { config, file, findings, secrets } = loaded;
  return await runSupervised((log) => {
    const { spec, host } = configuredRole({
      entry: context.gatewayEntry,
      code: context,
      loaded,
      load: (text) => loadJudgedConfig({ path: file, text, toRun: true, role: "gateway" }),
      log,
    });
    return { roles: [spec], host };
  }, {
    logging: config.logging,
    secrets,
    explainFailure: (failure) => explainFailure(failure, config),
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
async function explainFailure({ code, message }: RoleFailure, config: Config): Promise<string> {
  if (code !== "EADDRINUSE") return message;
  for (const { host, port, portAt } of listenersOf(config)) {
    const key = `[${portAt.slice(0, -1).join(".")}].${portAt.at(-1)}`;
    if (!await isTaken(host, port)) continue;
    const owner = await portOwner(host, port);
    return `Port ${port} of ${host} (${key}) is already in use${owner === null ? "" : ` by ${owner}`}. ` +
      `Stop the other program (ss -ltnp 'sport = :${port}' shows it) or change ${key}`;
  }
  return message;
}

function isTaken(hostname: string, port: number): Promise<boolean> {
  try {
    Deno.listen({ hostname, port }).close();
    return Promise.resolve(false);
  } catch (error) {
    return Promise.resolve(error instanceof Deno.errors.AddrInUse);
  }
}
