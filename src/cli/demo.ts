import { randomBytes } from "node:crypto";
import { join, relative, resolve } from "node:path";
import { Command } from "commander";
import { fleet } from "../sources/simulator/fleet.ts";
import { configuredRole } from "../supervisor/configured_role.ts";
import { loadJudgedConfig } from "../supervisor/judged_config.ts";
import { simulatorPermissions } from "../supervisor/permissions.ts";
import type { RoleSpec } from "../supervisor/worker_role.ts";
import { configOrReport } from "./config_or_exit.ts";
import type { CliContext } from "./context.ts";
import { demoConfig } from "./demo_config.ts";
import { ExitCode } from "./exit_code.ts";
import { freePort } from "./free_port.ts";
import { wholeNumber } from "./option_values.ts";
import { print, printError } from "./print.ts";
import { runSupervised } from "./supervised.ts";

const loopback = "127.0.0.1";
const userName = "demo";

interface DemoChoice {
  readonly dir: string;
  readonly devices: number;
  readonly interval: number;
  readonly opcuaPort: number;
  readonly webPort: number;
}

/** `edgekeep demo`: the built-in field and a gateway on it, all on this machine, from nothing. */
export function demoCommand(context: CliContext): Command {
  return new Command("demo")
    .description("run a gateway on a simulated field, all on this machine, to look at and to try clients with")
    .option("--dir <folder>", "where configuration, keys, history and log are kept", ".demo")
    .option("--devices <count>", "simulated devices", wholeNumber(1, 1000), 20)
    .option("--interval <ms>", "typical time between two uplinks of a device", wholeNumber(100, 3_600_000), 5_000)
    .option("--opcua-port <port>", "OPC UA port, or the next free one", wholeNumber(1, 65_535), 4840)
    .option("--web-port <port>", "port of the web page, or the next free one", wholeNumber(1, 65_535), 8080)
    .addHelpText(
      "after",
      `
Everything listens on loopback only. Remove the folder to begin anew.

Example:
  edgekeep demo --devices 100 --interval 1000`,
    )
    .action(async (choice: DemoChoice) => {
      Deno.exitCode = await runDemo(choice, context);
    });
}

async function runDemo(choice: DemoChoice, context: CliContext): Promise<number> {
  const folder = resolve(choice.dir);
  const devices = fleet(choice.devices);
  const simulatorPort = freePort(loopback, 0);
  let password: string;
  let apiToken: string;
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    password = await keptSecret(join(folder, "opcua-password"));
    apiToken = await keptSecret(join(folder, "chirpstack-token"));
    await Deno.writeTextFile(
      join(folder, "edgekeep.toml"),
      demoConfig({
        dataDir: "data",
        fleet: devices,
        simulatorUrl: `http://${loopback}:${simulatorPort}`,
        opcuaPort: freePort(loopback, choice.opcuaPort),
        webPort: freePort(loopback, choice.webPort),
        userName,
      }),
    );
  } catch (error) {
    printError(`Cannot use the folder ${choice.dir}: ${error instanceof Error ? error.message : error}\n`);
    return ExitCode.LocalResource;
  }
  const loaded = await configOrReport({ config: join(folder, "edgekeep.toml") });
  if (loaded === null) return ExitCode.ConfigRefused;
  const { config, file, secrets } = loaded;
  const simulator = {
    hostname: loopback,
    port: simulatorPort,
    apiToken,
    devices: choice.devices,
    intervalMs: choice.interval,
  };
  let welcomed = false;
  return await runSupervised((log) => {
    const { spec, host } = configuredRole({
      entry: context.gatewayEntry,
      code: context,
      loaded,
      load: (text) => loadJudgedConfig({ path: file, text }),
      log,
    });
    const roles: RoleSpec[] = [{
      name: "simulator",
      entry: context.simulatorEntry,
      permissions: () => simulatorPermissions(simulator, context),
      start: () => ({ role: "simulator", options: simulator, logLevel: config.logging.level }),
    }, spec];
    return { roles, host };
  }, {
    logging: config.logging,
    secrets,
    onReady(name, { listening }) {
      if (name !== "gateway" || welcomed) return;
      welcomed = true;
      print(welcome({
        webUrl: listening["http"] ?? "",
        opcuaUrl: listening["opc.tcp"] ?? "",
        password,
        folder: shortest(folder),
        devices: choice.devices,
      }));
    },
  });
}

/** A secret in a file of its own, made at the first start and kept, readable by its owner alone. */
async function keptSecret(path: string): Promise<string> {
  try {
    const kept = (await Deno.readTextFile(path)).trim();
    if (kept !== "") return kept;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const secret = randomBytes(12).toString("hex");
  await Deno.writeTextFile(path, `${secret}\n`, { mode: 0o600 });
  return secret;
}

interface Welcome {
  readonly webUrl: string;
  readonly opcuaUrl: string;
  readonly password: string;
  readonly folder: string;
  readonly devices: number;
}

function welcome({ webUrl, opcuaUrl, password, folder, devices }: Welcome): string {
  return `
Edgekeep's demo is running with ${devices} simulated devices.

  Web page  ${webUrl}/
  OPC UA    ${opcuaUrl}
  User      ${userName}
  Password  ${password}
  Files     ${folder}/  (edgekeep.toml, data, log)

What to do next
  1. Open the web page: the overview says in one sentence how the gateway is; Tags shows every value live. From this
     machine it is open to look at; log in as ${userName}, an admin, to change something.
  2. Connect an OPC UA client (UaExpert, Ignition, FUXA …) to the address above with
     Basic256Sha256, Sign & Encrypt, user and password; browse to Objects, and look at a value's history.
  3. Read ${folder}/edgekeep.toml: the same file with your ChirpStack's address makes it yours.

Ctrl-C stops everything.

`;
}

/** The path as a person in the current folder would write it. */
function shortest(path: string): string {
  const fromHere = relative(Deno.cwd(), path);
  return fromHere.startsWith("..") ? path : fromHere || ".";
}
