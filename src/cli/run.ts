import { Command } from "commander";
import { type ConfigChoice, withConfigOptions } from "./config_or_exit.ts";
import type { CliContext } from "./context.ts";
import { runConfigured } from "./run_configured.ts";

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
      Deno.exitCode = await runConfigured("gateway", context.gatewayEntry, choice, context);
    });
}
