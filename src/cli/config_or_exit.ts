import { type Command, Option } from "commander";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import { type JudgedConfig, loadJudgedConfig } from "../supervisor/judged_config.ts";
import { findingsText } from "./findings_report.ts";
import { printError } from "./print.ts";

/** Which configuration a command uses. */
export interface ConfigChoice {
  readonly config?: string;
  readonly project?: string;
}

/** Adds `--config` and `--project`, by which every command finds its configuration. */
export function withConfigOptions(command: Command): Command {
  return command
    .option(
      "--config <file>",
      "configuration file (else $EDGEKEEP_CONFIG, /etc/edgekeep/edgekeep.toml, config/edgekeep.toml)",
    )
    .addOption(new Option("--project <folder>", "folder with edgekeep.toml or runtime.toml").conflicts("config"));
}

/**
 * The configuration, or `null` after everything that is wrong with it, and unsafe about it, was printed.
 *
 * @param toRun whether a role is to run with it
 * @param role the role that is meant; unless told, the one that the file is for
 */
export async function configOrReport(
  choice: ConfigChoice,
  toRun = false,
  role?: ConfiguredRole,
): Promise<Extract<JudgedConfig, { ok: true }> | null> {
  const result = await loadJudgedConfig({ path: choice.config, project: choice.project, toRun, role });
  if (result.ok) return result;
  printError(findingsText(result));
  return null;
}
