import { isIP } from "node:net";
import { Command, InvalidArgumentError, Option } from "commander";
import { isLoopback } from "../config/address.ts";
import { type CallAnswer, explainCall } from "../policy/explain.ts";
import { isOperation } from "../policy/operations.ts";
import { isRole, type Role, roles } from "../policy/roles.ts";
import { type ConfigChoice, configOrReport, withConfigOptions } from "./config_or_exit.ts";
import { ExitCode } from "./exit_code.ts";
import { print } from "./print.ts";
import { visible } from "./visible.ts";

const NOBODY = "nobody";

interface ExplainChoice extends ConfigChoice {
  readonly as: string;
  readonly from: string;
  readonly target?: string;
  readonly json?: boolean;
}

/**
 * `edgekeep explain`: whether a configuration would allow a call, by which rule, and what would change that. Exit code 0
 * when it is allowed, 4 when it is denied, 2 when there is no such operation.
 */
export function explainCommand(): Command {
  return withConfigOptions(new Command("explain"))
    .description("say whether somebody may do something with this configuration, and why")
    .argument("<operation>", "as tags.force; `edgekeep ctl --help` lists all")
    .addOption(
      new Option("--as <role>", "the role of whoever asks").choices([NOBODY, ...roles]).makeOptionMandatory(),
    )
    .option("--from <address>", "IP address it comes from, or local for the unix socket", readAddress, "local")
    .option("--target <name>", "what it acts on, as a tag's id")
    .option("--json", "print the answer as JSON")
    .addHelpText(
      "after",
      `
Examples:
  edgekeep explain config.apply --as engineer
  edgekeep explain tags.force --as operator --from 192.168.1.50 --target a84041ffff000001/valve

Debugging that an admin has unlocked for a while is not in the configuration and does not count here.
Exit codes: 0 allowed, 4 denied, 2 no such operation, 3 configuration refused.`,
    )
    .action(async function (operation: string, choice: ExplainChoice) {
      if (!isOperation(operation)) {
        this.error(`There is no operation '${visible(operation)}': edgekeep ctl --help lists all`, {
          exitCode: ExitCode.Usage,
        });
      }
      const loaded = await configOrReport(choice);
      if (loaded === null) {
        Deno.exitCode = ExitCode.ConfigRefused;
        return;
      }
      const { control, remote, web } = loaded.config.runtime;
      const role: Role | null = isRole(choice.as) ? choice.as : null;
      const looksOn = role === null && web.enabled && web.auth === "local" && isLoopback(choice.from);
      const answer = explainCall({
        operation,
        // the page takes whoever sits at the machine for a viewer
        role: looksOn ? "viewer" : role,
        address: choice.from,
        target: choice.target ?? null,
        remote,
        debugOpen: control.mode === "debug" && control.debug_enabled,
      });
      const write = this.configureOutput().writeOut ?? print;
      write(
        choice.json === true ? `${JSON.stringify({ operation, ...answer }, null, 2)}\n` : answerText(answer, looksOn),
      );
      if (!answer.allowed) Deno.exitCode = ExitCode.Denied;
    });
}

function answerText({ allowed, rule, text, fix }: CallAnswer, looksOn: boolean): string {
  const note = looksOn ? '  On the page, auth = "local" takes whoever sits at this machine for a viewer\n' : "";
  return `${allowed ? "Allowed" : "Denied"} [${rule}]\n  ${visible(text)}\n${note}${
    fix === null ? "" : `  → ${visible(fix)}\n`
  }`;
}

function readAddress(text: string): string {
  if (text === "local" || isIP(text) !== 0) return text;
  throw new InvalidArgumentError("It must be an IP address, or local.");
}
