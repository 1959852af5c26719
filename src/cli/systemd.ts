import { Command, Option } from "commander";
import { agentUnit } from "./agent_unit.ts";
import { ExitCode } from "./exit_code.ts";
import { print } from "./print.ts";
import { systemdUnit } from "./systemd_unit.ts";

interface SystemdChoice {
  readonly user: string;
  readonly config: string;
  readonly dataDir: string;
  readonly program: string;
  readonly agent?: boolean;
  readonly hub?: boolean;
  readonly agentDir: string;
}

/** `edgekeep systemd`: prints the unit file, for `/etc/systemd/system/edgekeep.service`. */
export function systemdCommand(): Command {
  return new Command("systemd")
    .description("print a hardened systemd unit for the gateway, for a mesh's hub, or for the mesh agent")
    .option("--user <name>", "system user that runs it", "edgekeep")
    .option("--config <file>", "configuration file", "/etc/edgekeep/edgekeep.toml")
    .option("--data-dir <folder>", "the configuration's data_dir", "/var/lib/edgekeep")
    .addOption(
      new Option("--hub", "print the unit of a hub instead, for /etc/systemd/system/edgekeep-hub.service").conflicts(
        "agent",
      ),
    )
    .option("--agent", "print the unit of the mesh agent instead, for /etc/systemd/system/edgekeep-agent.service")
    .option("--agent-dir <folder>", "the configuration's [agent].dir", "/var/lib/edgekeep/agent")
    .option("--program <file>", "where this program is installed", "/usr/local/bin/edgekeep")
    .action(function (options: SystemdChoice) {
      const { agent, agentDir, hub, program, config } = options;
      const role = hub === true ? "hub" : "gateway";
      // an agent needs no configuration: a file is named in its unit only when it was named here
      const named = this.getOptionValueSource("config") === "cli" ? config : null;
      try {
        print(agent === true ? agentUnit({ program, agentDir, config: named }) : systemdUnit({ ...options, role }));
      } catch (error) {
        if (error instanceof RangeError) this.error(error.message, { exitCode: ExitCode.Usage });
        throw error;
      }
    });
}
