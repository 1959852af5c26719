import { Command } from "commander";
import { AgentFileError } from "../../agent/files/agent_file_error.ts";
import { AgentFolder } from "../../agent/files/agent_folder.ts";
import type { OwnKeys } from "../../agent/files/own_keys.ts";
import type { Trust } from "../../agent/files/trust.ts";
import { createFirewall } from "../../agent/firewall/firewall.ts";
import { KeyRing } from "../../agent/follow/key_ring.ts";
import { openDevice } from "../../agent/wireguard/open_device.ts";
import { FaultBoard } from "../../telemetry/fault_board.ts";
import { type ConfigChoice, withConfigOptions } from "../config_or_exit.ts";
import type { AgentConfig } from "../../config/schema.ts";
import { ExitCode } from "../exit_code.ts";
import { print, printError } from "../print.ts";
import { visible } from "../visible.ts";
import { agentSettings } from "./agent_config.ts";
import { reportAgentFailure } from "./agent_failure.ts";
import { hubClientOf } from "./hub_client_of.ts";

/** `edgekeep agent leave` */
export function leaveCommand(): Command {
  return withConfigOptions(new Command("leave"))
    .description("leave the mesh: tell the hub, take the tunnels away, delete this node's keys")
    .addHelpText(
      "after",
      `
Stop the agent first (systemctl disable --now edgekeep-agent). Works without the hub, too; an admin then has to remove the
node there.`,
    )
    .action(async (choice: ConfigChoice) => {
      Deno.exitCode = await leaveIt(choice);
    });
}

async function leaveIt(choice: ConfigChoice): Promise<number> {
  const settings = await agentSettings(choice);
  if (settings === null) return ExitCode.ConfigRefused;
  const { agent } = settings;
  try {
    const folder = await AgentFolder.open(agent.dir);
    const lock = await folder.lock();
    try {
      const keys = await folder.keys();
      if (keys === null) {
        throw new AgentFileError(
          "not_joined",
          agent.dir,
          "This machine is no node of a mesh: there is nothing to leave",
        );
      }
      const trust = await folder.trust.read();
      if (trust !== null) await tellHub(folder, keys, trust);
      await removeTunnel(agent, keys, trust);
      await folder.forget();
      print("This machine has left the mesh: its keys are deleted\n");
      return ExitCode.Ok;
    } finally {
      lock.release();
    }
  } catch (error) {
    return reportAgentFailure(error);
  }
}

async function tellHub(folder: AgentFolder, keys: OwnKeys, trust: Trust): Promise<void> {
  const client = hubClientOf(keys, new KeyRing({ trust, save: (next) => folder.trust.write(next) }));
  try {
    await client.deregister();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    printError(
      `Warning: the hub could not be told (${
        visible(reason)
      }). Have an admin remove the node: edgekeep hub node remove ` +
        `${keys.nodeId}\n`,
    );
  } finally {
    client.stop();
  }
}

/** What an agent that was killed left behind. The interface goes first: without its firewall it would stand open. */
async function removeTunnel(
  { interface: name, backend }: AgentConfig,
  keys: OwnKeys,
  trust: Trust | null,
): Promise<void> {
  const { signal } = new AbortController();
  try {
    const device = await openDevice({
      name,
      listenPort: 0,
      backend,
      signal,
      ownKeys: [keys.tunnel, keys.next].flatMap((key) => key === null ? [] : [key.wireGuard.publicKey]),
      mayBeUp: () => false,
      onGone: () => {},
    });
    await device.remove();
    if (trust === null) return;
    const faults = new FaultBoard(() => Date.now() * 1000);
    await createFirewall({ interface: name, meshCidr: trust.mesh_cidr, signal, faults }).remove();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    printError(`Warning: the interface ${name} or its firewall could not be taken away: ${visible(reason)}\n`);
  }
}
