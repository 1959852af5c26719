import { Command } from "commander";
import { loadConfigHere } from "../config/load_here.ts";
import { type ConfigChoice, withConfigOptions } from "./config_or_exit.ts";
import { ExitCode } from "./exit_code.ts";
import { findingsJson, findingsText } from "./findings_report.ts";
import { print } from "./print.ts";

/** `edgekeep validate`: lists everything that is wrong with a configuration; exit code 0, or 3 when it is refused. */
export function validateCommand(): Command {
  return withConfigOptions(new Command("validate"))
    .description("check a configuration and list everything that is wrong with it")
    .option("--json", "print the result as JSON")
    .action(async function (options: ConfigChoice & { json?: boolean }) {
      const result = await loadConfigHere({ path: options.config, project: options.project });
      const write = this.configureOutput().writeOut ?? print;
      write(options.json === true ? findingsJson(result) : findingsText(result));
      if (!result.ok) Deno.exitCode = ExitCode.ConfigRefused;
    });
}
