import { Command } from "commander";
import { ExitCode } from "./exit_code.ts";
import { print } from "./print.ts";
import { systemdUnit } from "./systemd_unit.ts";

/** `edgekeep systemd`: prints the unit file, for `/etc/systemd/system/edgekeep.service`. */
export function systemdCommand(): Command {
  return new Command("systemd")
    .description("print a hardened systemd unit for the gateway")
    .option("--user <name>", "system user that runs it", "edgekeep")
    .option("--config <file>", "configuration file", "/etc/edgekeep/edgekeep.toml")
    .option("--data-dir <folder>", "the configuration's data_dir", "/var/lib/edgekeep")
    .option("--program <file>", "where this program is installed", "/usr/local/bin/edgekeep")
    .action(function (options: { user: string; config: string; dataDir: string; program: string }) {
      try {
        print(systemdUnit(options));
      } catch (error) {
        if (error instanceof RangeError) this.error(error.message, { exitCode: ExitCode.Usage });
        throw error;
      }
    });
}
