import { Command } from "commander";
import { AgentFileError } from "../../agent/files/agent_file_error.ts";
import { AgentFolder } from "../../agent/files/agent_folder.ts";
import { acceptHub } from "../../agent/follow/accept_hub.ts";
import { KeyRing } from "../../agent/follow/key_ring.ts";
import { type ConfigChoice, withConfigOptions } from "../config_or_exit.ts";
import { ExitCode } from "../exit_code.ts";
import { print, printError } from "../print.ts";
import { agentSettings } from "./agent_config.ts";
import { reportAgentFailure } from "./agent_failure.ts";
import { AgentAnswerError, askAgent } from "./ask_agent.ts";
import { hubClientOf } from "./hub_client_of.ts";

/** `edgekeep agent accept-hub` */
export function acceptHubCommand(): Command {
  return withConfigOptions(new Command("accept-hub"))
    .description("follow the hub again although its history is another: it was restored, or recovered with a new key")
    .argument(
      "<fingerprint>",
      "SHA-256 of the hub's signing key, as an admin reads it to you from edgekeep hub keys show",
    )
    .addHelpText(
      "after",
      `
Until then the agent refuses such a hub and leaves the tunnels as they are. Compare the fingerprint with an admin of the
hub: whoever has that key says which machines are in the mesh.`,
    )
    .action(async (fingerprint: string, choice: ConfigChoice) => {
      Deno.exitCode = await acceptIt(fingerprint, choice);
    });
}

async function acceptIt(fingerprint: string, choice: ConfigChoice): Promise<number> {
  const settings = await agentSettings(choice);
  if (settings === null) return ExitCode.ConfigRefused;
  if (!/^[0-9a-f]{64}$/i.test(fingerprint.replace(/[\s:]/g, ""))) {
    printError("Not a fingerprint: it has 64 hex digits, as edgekeep hub keys show prints it on the hub\n");
    return ExitCode.Usage;
  }
  const { dir } = settings.agent;
  try {
    const text = await askAgent(dir, "accept-hub", { fingerprint }).then(
      (result) => (result as { text: string }).text,
      async (error) => {
        if (!(error instanceof AgentAnswerError && error.code === "not_running")) throw error;
        return await acceptOffline(dir, fingerprint);
      },
    );
    print(`${text}\n`);
    return ExitCode.Ok;
  } catch (error) {
    return reportAgentFailure(error);
  }
}

/** For the next start of an agent that does not run. */
async function acceptOffline(dir: string, fingerprint: string): Promise<string> {
  const folder = await AgentFolder.open(dir);
  const lock = await folder.lock();
  try {
    const [keys, trust] = [await folder.keys(), await folder.trust.read()];
    if (keys === null || trust === null) {
      throw new AgentFileError("not_joined", dir, "This machine is no node of a mesh: there is no hub to accept");
    }
    const ring = new KeyRing({ trust, save: (next) => folder.trust.write(next) });
    const client = hubClientOf(keys, ring);
    try {
      return await acceptHub({ ring, client }, fingerprint);
    } finally {
      client.stop();
    }
  } finally {
    lock.release();
  }
}
