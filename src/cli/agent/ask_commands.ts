import { Command, Option } from "commander";
import type { PeerStatus } from "../../agent/peers/peer_engine.ts";
import type { AgentStatus } from "../../agent/run/agent_status.ts";
import { type ConfigChoice, withConfigOptions } from "../config_or_exit.ts";
import { ExitCode } from "../exit_code.ts";
import { wholeNumber } from "../option_values.ts";
import { print } from "../print.ts";
import { agentSettings } from "./agent_config.ts";
import { reportAgentFailure } from "./agent_failure.ts";
import { askAgent } from "./ask_agent.ts";
import { peersText } from "./peers_text.ts";
import { policyText, type ShownPolicy } from "./policy_text.ts";
import { statusText } from "./status_text.ts";

interface AskChoice extends ConfigChoice {
  readonly json?: boolean;
}

interface PolicyChoice extends AskChoice {
  readonly from?: string;
  readonly protocol?: string;
  readonly port?: number;
}

/** `edgekeep agent status` */
export function statusCommand(): Command {
  return asking("status", "say how the agent of this machine is doing").action(async (choice: AskChoice) => {
    await answer(choice, "status", {}, (status) => statusText(status as AgentStatus, Date.now() * 1000));
  });
}

/** `edgekeep agent peers` */
export function peersCommand(): Command {
  return asking("peers", "list the other nodes and the ways to them").action(async (choice: AskChoice) => {
    const width = Deno.stdout.isTerminal() && Deno.consoleSize().columns || undefined;
    await answer(choice, "peers", {}, (peers) => peersText(peers as PeerStatus[], Date.now() * 1000, width));
  });
}

/** `edgekeep agent rotate` */
export function rotateCommand(): Command {
  return asking("rotate", "replace this node's WireGuard key; no packet is lost").action(async (choice: AskChoice) => {
    await answer(choice, "rotate", {}, () => "The rotation has begun; edgekeep agent status tells when it is done\n");
  });
}

/** `edgekeep agent policy explain` */
export function policyCommand(): Command {
  return new Command("policy").description("the firewall of the tunnels").addCommand(
    asking("explain", "say who may reach what on this machine, and which rule lets them")
      .option("--from <peer>", "one peer: its name, node id or address")
      .addOption(new Option("--protocol <protocol>", "one protocol").choices(["tcp", "udp", "icmp"]))
      .option("--port <port>", "one port", wholeNumber(1, 65_535))
      .addHelpText("after", "\nExample:\n  edgekeep agent policy explain --from plant-2 --protocol tcp --port 4840")
      .action(async ({ from, protocol, port, ...choice }: PolicyChoice) => {
        const question = JSON.parse(JSON.stringify({ from, protocol, port }));
        await answer(choice, "policy", question, (policy) => policyText(policy as ShownPolicy));
      }),
  );
}

function asking(name: string, description: string): Command {
  return withConfigOptions(new Command(name)).description(description).option("--json", "print it as JSON");
}

async function answer(
  choice: AskChoice,
  type: string,
  params: Readonly<Record<string, unknown>>,
  text: (result: unknown) => string,
): Promise<void> {
  const settings = await agentSettings(choice);
  if (settings === null) {
    Deno.exitCode = ExitCode.ConfigRefused;
    return;
  }
  try {
    const result = await askAgent(settings.agent.dir, type, params);
    print(choice.json === true ? `${JSON.stringify(result, null, 2)}\n` : text(result));
  } catch (error) {
    Deno.exitCode = reportAgentFailure(error);
  }
}
