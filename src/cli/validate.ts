import { Command, Option } from "commander";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import { loadJudgedConfig } from "../supervisor/judged_config.ts";
import { type ConfigChoice, withConfigOptions } from "./config_or_exit.ts";
import { ExitCode } from "./exit_code.ts";
import { exposureJson, exposureText } from "./exposure_report.ts";
import { findingsJson, findingsText } from "./findings_report.ts";
import { print } from "./print.ts";

interface ValidateChoice extends ConfigChoice {
  readonly json?: boolean;
  readonly exposure?: boolean;
  readonly role?: ConfiguredRole;
}

/**
 * `edgekeep validate`: lists everything that is wrong with a configuration or unsafe about it, and with `--exposure` who
 * can reach what; exit code 0, or 3 when it is refused.
 */
export function validateCommand(): Command {
  return withConfigOptions(new Command("validate"))
    .description("check a configuration and list everything that is wrong with it or unsafe about it")
    .option("--exposure", "also show who can reach what, how it is protected, and what a firewall has to let through")
    .addOption(
      new Option("--role <role>", "what is to run with it; unless told, a hub where the file has [hub]").choices([
        "gateway",
        "hub",
      ]),
    )
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  edgekeep validate --config edgekeep.toml\n  edgekeep validate --exposure --json | jq .exposures",
    )
    .action(async function (options: ValidateChoice) {
      const result = await loadJudgedConfig({ path: options.config, project: options.project, role: options.role });
      const write = this.configureOutput().writeOut ?? print;
      const { exposures } = result;
      if (options.json === true) write(findingsJson(result, options.exposure === true ? exposureJson(exposures) : {}));
      else write(`${findingsText(result)}${options.exposure === true ? `\n${exposureText(exposures)}` : ""}`);
      if (!result.ok) Deno.exitCode = ExitCode.ConfigRefused;
    });
}
