import { Command, InvalidArgumentError, Option } from "commander";
import { parseListen } from "../config/address.ts";
import { simulatorPermissions } from "../supervisor/permissions.ts";
import { portOwner } from "../supervisor/port_owner.ts";
import type { RoleSpec } from "../supervisor/worker_role.ts";
import type { CliContext } from "./context.ts";
import { ExitCode } from "./exit_code.ts";
import { wholeNumber } from "./option_values.ts";
import { print, printError } from "./print.ts";
import { runSupervised } from "./supervised.ts";

const defaultListen = "127.0.0.1:8090";

interface SimulatorChoice {
  readonly listen: { readonly host: string; readonly port: number };
  readonly devices: number;
  readonly interval: number;
  readonly tokenFile?: string;
}

/** `edgekeep simulator`: the built-in ChirpStack look-alike as a process of its own. */
export function simulatorCommand(context: CliContext): Command {
  return new Command("simulator")
    .description("run a ChirpStack look-alike: its gRPC API, with simulated devices that send what real ones send")
    .addOption(
      new Option("--listen <host:port>", "where it listens; port 0 takes a free one")
        .argParser(listenOption).default(listenOption(defaultListen), defaultListen),
    )
    .option("--devices <count>", "simulated devices", wholeNumber(1, 10_000), 20)
    .option("--interval <ms>", "typical time between two uplinks of a device", wholeNumber(10, 86_400_000), 10_000)
    .option("--token-file <file>", "file with the API token that callers must show; without it one is made and printed")
    .addHelpText(
      "after",
      `
Example:
  edgekeep simulator --listen 127.0.0.1:8090 --devices 100 --token-file token
  # and in edgekeep.toml: [chirpstack] server_address = "http://127.0.0.1:8090", api_token_file = "token"`,
    )
    .action(async (choice: SimulatorChoice) => {
      Deno.exitCode = await runSimulator(choice, context);
    });
}

async function runSimulator(choice: SimulatorChoice, context: CliContext): Promise<number> {
  const { listen: { host, port }, devices, interval: intervalMs, tokenFile } = choice;
  const apiToken = tokenFile === undefined ? crypto.randomUUID() : await readToken(tokenFile);
  if (apiToken === null) return ExitCode.LocalResource;
  const options = { hostname: host, port, apiToken, devices, intervalMs };
  const role: RoleSpec = {
    name: "simulator",
    entry: context.simulatorEntry,
    permissions: () => simulatorPermissions(options, context),
    start: () => ({ role: "simulator", options, logLevel: "info" }),
  };
  return await runSupervised(() => ({ roles: [role] }), {
    logging: { level: "info", format: "text", max_file_bytes: 65_536, max_files: 1 },
    secrets: [apiToken],
    onReady(_name, info) {
      print(`ChirpStack API  ${Object.values(info.listening).join(" ")}\n`);
      if (tokenFile === undefined) print(`API token       ${apiToken}\n`);
    },
    explainFailure: async ({ code, message }) => {
      if (code !== "EADDRINUSE") return message;
      const owner = await portOwner(host, port);
      return `Port ${port} of ${host} is already in use${
        owner === null ? "" : ` by ${owner}`
      }. Choose another with --listen`;
    },
  });
}

async function readToken(file: string): Promise<string | null> {
  try {
    const token = (await Deno.readTextFile(file)).trim();
    if (token !== "") return token;
    printError(`Cannot use the token file ${file}: it is empty\n`);
  } catch (error) {
    printError(`Cannot read the token file: ${error instanceof Error ? error.message : error}\n`);
  }
  return null;
}

function listenOption(text: string): SimulatorChoice["listen"] {
  const address = parseListen(text);
  if (address === null) throw new InvalidArgumentError("It must be host:port, such as 127.0.0.1:8090 or [::1]:8090.");
  return address;
}
