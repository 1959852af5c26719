import { Command, Option } from "commander";
import { loadConfigHere } from "../config/load_here.ts";
import { findingsJson, findingsText } from "./findings_report.ts";

const REFUSED = 3;

/** `edgekeep validate`: lists everything that is wrong with a configuration; exit code 0, or 3 when it is refused. */
export function validateCommand(): Command {
  return new Command("validate")
    .description("check a configuration and list everything that is wrong with it")
    .option("--config <file>", "configuration file")
    .addOption(new Option("--project <folder>", "folder with edgekeep.toml or runtime.toml").conflicts("config"))
    .option("--json", "print the result as JSON")
    .action(async function (options: { config?: string; project?: string; json?: boolean }) {
      const result = await loadConfigHere({ path: options.config, project: options.project });
      const write = this.configureOutput().writeOut ?? ((text: string) => process.stdout.write(text));
      write(options.json === true ? findingsJson(result) : findingsText(result));
      if (!result.ok) Deno.exitCode = REFUSED;
    });
}
