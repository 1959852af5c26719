import { Command } from "commander";
import { type ConfigChoice, withConfigOptions } from "../config_or_exit.ts";
import type { CliContext } from "../context.ts";
import { runConfigured } from "../run_configured.ts";

/** `edgekeep hub run`: the hub, until a signal ends it. */
export function hubRunCommand(context: CliContext): Command {
  return withConfigOptions(new Command("run"))
    .summary("run the hub")
    .description("run the hub until SIGTERM or Ctrl-C; a second one does not wait for an orderly end")
    .addHelpText(
      "after",
      `
Example:
  edgekeep hub run --config /etc/edgekeep/hub/edgekeep.toml

SIGHUP reads the configuration again and applies what changed, as \`edgekeep ctl config.reload\` does.
The log goes to standard error, and to files when [logging].dir is set.`,
    )
    .action(async (choice: ConfigChoice) => {
      Deno.exitCode = await runConfigured("hub", context.hubEntry, choice, context);
    });
}
