import { hostname } from "node:os";
import { Command } from "commander";
import { AgentFolder } from "../../agent/files/agent_folder.ts";
import { joinMesh } from "../../agent/join/join_mesh.ts";
import { nodeHostname } from "../../agent/join/node_hostname.ts";
import { readNetworkFacts } from "../../agent/network/network_facts.ts";
import { overlappingRoute } from "../../agent/network/overlapping_route.ts";
import { runProgram } from "../../agent/network/run_program.ts";
import { parseJoinToken } from "../../mesh/join_token.ts";
import { version } from "../../version.ts";
import { askSecret, SecretError } from "../ask_secret.ts";
import { type ConfigChoice, withConfigOptions } from "../config_or_exit.ts";
import type { CliContext } from "../context.ts";
import { ExitCode } from "../exit_code.ts";
import { print, printError } from "../print.ts";
import { agentSettings } from "./agent_config.ts";
import { reportAgentFailure } from "./agent_failure.ts";
import { programSha256 } from "./program_sha256.ts";

interface JoinChoice extends ConfigChoice {
  readonly tokenFile?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `edgekeep agent join` */
export function joinCommand(context: CliContext): Command {
  return withConfigOptions(new Command("join"))
    .description("make this machine a node of a mesh, with a token of its hub")
    .argument("[token]", "the token itself; other users of this machine can see it there: better leave it out")
    .option(
      "--token-file <file>",
      "file (mode 0600) that holds the token; it is deleted once it was used; -: standard input",
    )
    .option("--force", "give up the identity that this machine has in a mesh: it becomes another node")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Without a token on the command line or in a file it is asked for, or read from standard input.

Examples:
  edgekeep agent join
  edgekeep agent join --token-file /root/token`,
    )
    .action(async (token: string | undefined, choice: JoinChoice) => {
      Deno.exitCode = await joinIt(token, choice, context);
    });
}

async function joinIt(given: string | undefined, choice: JoinChoice, context: CliContext): Promise<number> {
  const settings = await agentSettings(choice);
  if (settings === null) return ExitCode.ConfigRefused;
  const { dir, interface: name } = settings.agent;
  try {
    const token = parseJoinToken((await tokenText(given, choice.tokenFile)).trim());
    const folder = await AgentFolder.open(dir);
    const joined = await joinMesh({
      folder,
      token,
      hostname: nodeHostname(hostname()),
      version,
      binarySha256: await programSha256(context.agentEntry),
      force: choice.force === true,
      networkProblem: async (meshCidr) => {
        const facts = await readNetworkFacts(runProgram, new AbortController().signal);
        const route = overlappingRoute(facts, meshCidr, name);
        return route === null
          ? null
          : `The mesh's network ${meshCidr} overlaps this machine's route ${route.destination} (${route.interface}): ` +
            "one of the two has to move. The token was used; ask for another when it is done";
      },
      onWait: (ms) =>
        printError(
          `The hub takes no more machines from this address for the moment: next try in ${Math.ceil(ms / 1000)} s\n`,
        ),
      nowUs: () => Date.now() * 1000,
    });
    if (choice.tokenFile !== undefined && choice.tokenFile !== "-") await removeToken(choice.tokenFile);
    print(
      choice.json === true
        ? `${JSON.stringify(joined, null, 2)}\n`
        : `This machine is a node of the mesh of ${token.url}.

  Node         ${joined.nodeId}
  Fingerprint  ${joined.fingerprint}
  Address      ${joined.meshIp} in ${joined.meshCidr}

Compare the fingerprint with the one that the hub shows: edgekeep hub node show ${joined.nodeId}
Then start it: systemctl enable --now edgekeep-agent (edgekeep systemd --agent prints the unit), or edgekeep agent run
`,
    );
    return ExitCode.Ok;
  } catch (error) {
    return reportAgentFailure(error);
  }
}

async function tokenText(given: string | undefined, file: string | undefined): Promise<string> {
  if (given !== undefined && file !== undefined) throw new SecretError("Give the token or --token-file, not both");
  if (given !== undefined) {
    printError("Warning: other users of this machine can see a token on the command line\n");
    return given;
  }
  if (file !== undefined && file !== "-") {
    const { mode } = await Deno.stat(file).catch((error) => {
      throw new SecretError(`Cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
    });
    if (mode !== null && (mode & 0o077) !== 0) {
      throw new SecretError(`Cannot use ${file} as other users may read it: chmod 600 ${file}`);
    }
  }
  return await askSecret({ what: "Join token", file, whole: isWholeToken });
}

/** Whether a text that begins as a token ends as one. Any other text is no part of a token: it is refused at once. */
function isWholeToken(text: string): boolean {
  const bare = text.trim();
  return !bare.startsWith("ekj1.") || /\.[0-9a-f]{8}$/.test(bare);
}

async function removeToken(file: string): Promise<void> {
  await Deno.remove(file).catch((error) => {
    const reason = error instanceof Error ? error.message : String(error);
    printError(`Warning: ${file} with the used token could not be deleted: ${reason}\n`);
  });
}
