import { Command } from "commander";
import type { CliContext } from "./context.ts";
import { hubInitCommand } from "./hub/init.ts";
import { hubKeysCommand } from "./hub/keys.ts";
import { hubNodeCommand } from "./hub/node.ts";
import { hubPolicyCommand } from "./hub/policy.ts";
import { hubRecoverCommand } from "./hub/recover.ts";
import { hubRunCommand } from "./hub/run.ts";
import { hubTokenCommand } from "./hub/token.ts";

/** `edgekeep hub`: the control plane of a mesh. */
export function hubCommand(context: CliContext): Command {
  return new Command("hub")
    .description("the hub of a mesh: lets machines join, tells each of them of the others, and who may reach whom")
    .addCommand(hubInitCommand())
    .addCommand(hubRunCommand(context))
    .addCommand(hubTokenCommand())
    .addCommand(hubNodeCommand())
    .addCommand(hubPolicyCommand())
    .addCommand(hubKeysCommand())
    .addCommand(hubRecoverCommand())
    .addHelpText(
      "after",
      `
A mesh in three commands, the last one on each machine that is to join:
  edgekeep hub init /etc/edgekeep/hub --url https://hub.plant.example:8443
  edgekeep hub run --project /etc/edgekeep/hub
  edgekeep hub token create LABEL --project /etc/edgekeep/hub

Users, tokens and pairing of the hub's page are those of \`edgekeep user\`, \`token\` and \`pair\`, with its --project.`,
    );
}
