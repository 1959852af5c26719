import { Command } from "commander";
import { acceptHubCommand } from "./agent/accept_hub.ts";
import { peersCommand, policyCommand, rotateCommand, statusCommand } from "./agent/ask_commands.ts";
import { doctorCommand } from "./agent/doctor.ts";
import { joinCommand } from "./agent/join.ts";
import { leaveCommand } from "./agent/leave.ts";
import { agentRunCommand } from "./agent/run.ts";
import type { CliContext } from "./context.ts";

/** `edgekeep agent`: this machine as a node of a mesh. */
export function agentCommand(context: CliContext): Command {
  return new Command("agent")
    .description("make this machine a node of a mesh and run its tunnels")
    .addCommand(joinCommand(context))
    .addCommand(agentRunCommand(context))
    .addCommand(statusCommand())
    .addCommand(peersCommand())
    .addCommand(doctorCommand())
    .addCommand(policyCommand())
    .addCommand(rotateCommand())
    .addCommand(acceptHubCommand())
    .addCommand(leaveCommand())
    .addHelpText(
      "after",
      `
Examples:
  edgekeep agent join                  asks for a token of the hub (edgekeep hub token create)
  edgekeep agent run                   or: systemctl enable --now edgekeep-agent
  edgekeep agent status
  edgekeep agent peers

Joining, running and asking need root, or a user with CAP_NET_ADMIN who owns [agent].dir.`,
    );
}
