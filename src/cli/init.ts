import { Command } from "commander";
import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import { join, resolve } from "node:path";
import { isLoopback, isWildcard, urlHost } from "../config/address.ts";
import { configFile, howToRead, placeholder } from "../config/config_file.ts";
import { ExitCode } from "./exit_code.ts";
import { print } from "./print.ts";

const CONFIG = "edgekeep.toml";
const PASSWORD = "opcua-password";
const USER = "scada";

/** `edgekeep init DIR`: writes a configuration to start with, and the password that it refers to. */
export function initCommand(): Command {
  return new Command("init")
    .description("write a commented configuration and a random OPC UA password into a folder")
    .argument("<folder>", "where edgekeep.toml goes; made if it is not there")
    .option("--lan", "let the network reach OPC UA, on every interface of this machine")
    .option("--interface <name>", "let the network reach OPC UA, on one interface or address of this machine")
    .option("--force", "replace an edgekeep.toml that is already there")
    .action(async function (folder: string, options: { lan?: boolean; interface?: string; force?: boolean }) {
      const host = listenAddress(options.lan ?? false, options.interface);
      if (host === null) {
        const names = lanAddresses().map(({ name, address }) => `${name} (${address})`).join(", ");
        const text = `Cannot listen on '${options.interface}': this machine has ${names || "no network"}`;
        this.error(text, { exitCode: ExitCode.Usage });
      }
      const directory = resolve(folder);
      const outcome = await writeProject(directory, host, options.force ?? false);
      if (outcome.kind === "refused") this.error(outcome.text, { exitCode: ExitCode.LocalResource });
      const write = this.configureOutput().writeOut ?? print;
      write(nextSteps(folder, directory, host, outcome.keptPassword));
    });
}

type Outcome = { readonly kind: "written"; readonly keptPassword: boolean } | {
  readonly kind: "refused";
  readonly text: string;
};

async function writeProject(directory: string, host: string, force: boolean): Promise<Outcome> {
  const config = join(directory, CONFIG);
  const password = join(directory, PASSWORD);
  try {
    await Deno.mkdir(directory, { recursive: true, mode: 0o750 });
    if (!force && await present(config)) {
      return { kind: "refused", text: `Cannot write ${config}: it is there already; --force replaces it` };
    }
    // clients know a password that is there already, so it stays
    const keptPassword = await present(password);
    if (!keptPassword) await writeNew(password, `${randomPassword()}\n`, 0o600);
    await replace(config, startingConfig(host), 0o640);
    return { kind: "written", keptPassword };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { kind: "refused", text: `Cannot write into ${directory}: ${error.message}` };
  }
}

function startingConfig(host: string): string {
  return configFile({
    intro: ["Edgekeep configuration.", "", ...howToRead],
    set: {
      "chirpstack.server_address": placeholder(["chirpstack", "server_address"]),
      "chirpstack.api_token_file": "chirpstack-token",
      "opcua.host_ip_address": host,
      "opcua.user_name": USER,
      "opcua.user_password_file": PASSWORD,
    },
    off: ["chirpstack", "application"],
  });
}

function nextSteps(folder: string, directory: string, host: string, keptPassword: boolean): string {
  // 0.0.0.0 stands for IPv4 alone
  const reach = isWildcard(host)
    ? lanAddresses().map(({ address }) => address).filter((address) => !address.includes(":"))
    : [host];
  const urls = (reach.length === 0 ? [host] : reach).map((address) => `opc.tcp://${urlHost(address)}:4840`);
  return `Written: ${join(directory, CONFIG)}
${keptPassword ? "Kept:   " : "Written:"} ${join(directory, PASSWORD)} (the OPC UA password, mode 0600)

Next:
  1. Connect it to ChirpStack: in ${CONFIG} switch on [chirpstack] and set server_address; put an API key into
     ${join(directory, "chirpstack-token")} (chmod 600).
  2. List applications, devices and values: switch on [[application]] at the end of the file and fill it in.
  3. edgekeep validate --project ${folder}
  4. edgekeep run --project ${folder}

OPC UA: ${urls.join(" or ")}, user ${USER}, password: cat ${join(directory, PASSWORD)}
${isLoopback(host) ? "        Only this machine reaches it; edgekeep init --lan opens it to the network.\n" : ""}\
Web:    http://127.0.0.1:8080, only from this machine: the page has no login in this version.
        From elsewhere: ssh -L 8080:127.0.0.1:8080 <this machine>, then the same address there.
`;
}

/** The address to listen on, or `null` when the machine has no such interface or address. */
function listenAddress(lan: boolean, chosen: string | undefined): string | null {
  if (chosen === undefined) return lan ? "0.0.0.0" : "127.0.0.1";
  return lanAddresses().find(({ name, address }) => name === chosen || address === chosen)?.address ?? null;
}

/** Addresses under which others can reach this machine, IPv4 first. */
function lanAddresses(): { readonly name: string; readonly address: string }[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? [])
      // link-local IPv6 needs a zone, which an OPC UA URL cannot carry
      .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address))
      .map(({ address }) => ({ name, address }))
  ).sort((a, b) => Number(a.address.includes(":")) - Number(b.address.includes(":")));
}

/** 144 random bits in characters that need no quoting anywhere. */
function randomPassword(): string {
  return randomBytes(18).toString("base64url");
}

async function present(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  await Deno.writeTextFile(path, text, { createNew: true, mode });
  // the process's umask may have taken bits away
  await Deno.chmod(path, mode);
}

/** Writes a file so that a reader sees either the old one or the whole new one. */
async function replace(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await writeNew(temporary, text, mode);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => undefined);
    throw error;
  }
}
