import { Command } from "commander";
import { AgentFileError } from "../../agent/files/agent_file_error.ts";
import { AgentFolder } from "../../agent/files/agent_folder.ts";
import { presentPrograms } from "../../supervisor/agent_programs.ts";
import { agentGrants, permissionsOf } from "../../supervisor/permissions.ts";
import type { RoleSpec } from "../../supervisor/worker_role.ts";
import { type ConfigChoice, withConfigOptions } from "../config_or_exit.ts";
import type { CliContext } from "../context.ts";
import { ExitCode } from "../exit_code.ts";
import { runSupervised } from "../supervised.ts";
import { agentSettings } from "./agent_config.ts";
import { reportAgentFailure } from "./agent_failure.ts";
import { programSha256 } from "./program_sha256.ts";

/** `edgekeep agent run` */
export function agentRunCommand(context: CliContext): Command {
  return withConfigOptions(new Command("run"))
    .description("run the agent of a node that has joined, until SIGTERM or Ctrl-C")
    .addHelpText(
      "after",
      `
The orderly end takes the tunnels and their firewall away. An agent that is killed leaves them working, and the next
start goes on with them. Without its hub it starts with what the hub said last.`,
    )
    .action(async (choice: ConfigChoice) => {
      Deno.exitCode = await runAgent(choice, context);
    });
}

async function runAgent(choice: ConfigChoice, context: CliContext): Promise<number> {
  const settings = await agentSettings(choice);
  if (settings === null) return ExitCode.ConfigRefused;
  const { agent, logging } = settings;
  try {
    const trust = await (await AgentFolder.open(agent.dir)).trust.read();
    if (trust === null) {
      throw new AgentFileError(
        "not_joined",
        agent.dir,
        "This machine is no node of a mesh: make a token on the hub (edgekeep hub token create) and run edgekeep agent " +
          "join",
      );
    }
    const { hostname, port } = new URL(trust.url);
    const facts = { ...context, hub: `${hostname}:${port === "" ? 443 : port}`, meshCidr: trust.mesh_cidr };
    const binarySha256 = await programSha256(context.agentEntry);
    const spec: RoleSpec = {
      name: "agent",
      entry: context.agentEntry,
      permissions: () => permissionsOf(agentGrants(agent, { ...facts, programs: presentPrograms() })),
      start: (restarts, lastCrash) => ({
        role: "agent",
        config: agent,
        binarySha256,
        logLevel: logging.level,
        restarts,
        lastCrash,
      }),
    };
    return await runSupervised(() => ({ roles: [spec] }), { logging, secrets: [], runsPrograms: true });
  } catch (error) {
    return reportAgentFailure(error);
  }
}
