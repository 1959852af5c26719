import { Command } from "commander";
import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import { join, resolve } from "node:path";
import { isLoopback, isWildcard, urlHost } from "../config/address.ts";
import { configFile, howToRead, meshTables, placeholder, rareTables } from "../config/config_file.ts";
import { configSchema } from "../config/schema.ts";
import { replaceFile } from "../config/write_file.ts";
import { checkPair } from "../tls/read_certificate.ts";
import { machineNames } from "../config/machine_names.ts";
import { serverNames } from "../tls/server_names.ts";
import { writeServerCertificate } from "../tls/write_server_certificate.ts";
import { ExitCode } from "./exit_code.ts";
import { print } from "./print.ts";

const CONFIG = "edgekeep.toml";
const PASSWORD = "opcua-password";
const CERTIFICATE = "security/server-cert.pem";
const KEY = "security/server-key.pem";
const WEB_PORT = 8080;
const USER = "scada";

/**
 * `edgekeep init DIR`: writes a configuration to start with and the password that it refers to, and with `--lan` or
 * `--interface` a certificate, since what the network reaches is encrypted and asks for a login. The control endpoint
 * stays a socket of this machine, so it needs no token.
 */
export function initCommand(): Command {
  return new Command("init")
    .description("write a commented configuration and a random password into a folder")
    .argument("<folder>", "where edgekeep.toml goes; made if it is not there")
    .option("--lan", "let the network reach OPC UA and the web page, on every interface of this machine")
    .option("--interface <name>", "let the network reach them on one interface or address of this machine")
    .option("--force", "replace an edgekeep.toml that is already there")
    .addHelpText(
      "after",
      `
Without --lan and --interface, OPC UA and the web page are for this machine alone. With them, a certificate is made in
<folder>/security, the page is served with TLS, and everybody logs in.

Examples:
  edgekeep init /etc/edgekeep
  edgekeep init ./plant --interface eth0`,
    )
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
      write(nextSteps(folder, directory, host, outcome));
    });
}

interface Written {
  readonly kind: "written";
  readonly keptPassword: boolean;
  /** `null` without the network. */
  readonly certificate: { readonly kept: boolean; readonly fingerprint: string } | null;
}

type Outcome = Written | { readonly kind: "refused"; readonly text: string };

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
    const certificate = isLoopback(host) ? null : await serverCertificate(directory, host);
    await replaceFile(config, startingConfig(host), { forceMode: 0o640 });
    return { kind: "written", keptPassword, certificate };
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
      "runtime.tls.require_remote": true,
      ...isLoopback(host) ? {} : {
        "runtime.web.listen": webListen(host),
        "runtime.web.auth": "token",
        "runtime.web.tls": true,
        "runtime.tls.mode": "self-managed",
        "runtime.tls.cert_path": CERTIFICATE,
        "runtime.tls.key_path": KEY,
      },
    },
    off: ["chirpstack", "application", ...rareTables, ...meshTables],
  });
}

/** The pair that is there, which browsers may know already, or a new one. */
async function serverCertificate(directory: string, host: string): Promise<Written["certificate"]> {
  const certPath = join(directory, CERTIFICATE);
  const keyPath = join(directory, KEY);
  if (await present(certPath) && await present(keyPath)) {
    const [cert, key] = await Promise.all([Deno.readTextFile(certPath), Deno.readTextFile(keyPath)]);
    return { kept: true, fingerprint: checkPair(cert, key).fingerprint };
  }
  const { runtime } = configSchema.parse({ runtime: { web: { listen: webListen(host) } } });
  const names = serverNames({ runtime }, machineNames());
  const { fingerprint } = await writeServerCertificate({ names }, { certPath, keyPath });
  return { kept: false, fingerprint };
}

function webListen(host: string): string {
  return `${urlHost(host)}:${WEB_PORT}`;
}

function nextSteps(folder: string, directory: string, host: string, outcome: Written): string {
  const { keptPassword, certificate } = outcome;
  const told = (kept: boolean) => kept ? "Kept:   " : "Written:";
  // 0.0.0.0 stands for IPv4 alone
  const addresses = isWildcard(host)
    ? lanAddresses().map(({ address }) => address).filter((address) => !address.includes(":"))
    : [host];
  const reach = (addresses.length === 0 ? [host] : addresses).map(urlHost);
  const password = join(directory, PASSWORD);
  const files = [
    `Written: ${join(directory, CONFIG)}`,
    `${told(keptPassword)} ${password} (the password of user ${USER}, mode 0600)`,
    ...certificate === null ? [] : [`${told(certificate.kept)} ${join(directory, CERTIFICATE)} and its key`],
  ];
  return `${files.join("\n")}

Next:
  1. Connect it to ChirpStack: in ${CONFIG} switch on [chirpstack] and set server_address; put an API key into
     ${join(directory, "chirpstack-token")} (chmod 600).
  2. List applications, devices and values: switch on [[application]] at the end of the file and fill it in.
  3. edgekeep validate --project ${folder}
  4. edgekeep run --project ${folder}
  5. Log in on the page as ${USER}, who may do everything, and add a user for each person and program, there or with
     edgekeep user add --project ${folder} --role viewer NAME
     Without user_name and user_password_file under [opcua], the first start prints a set-up code instead, to make the
     first admin with.

OPC UA: ${reach.map((address) => `opc.tcp://${address}:4840`).join(" or ")}, user ${USER}, password: cat ${password}
        A client's first try is refused; then look at its certificate and trust it:
        edgekeep pki list --project ${folder}
        edgekeep pki trust AB:CD:… --project ${folder}
${certificate === null ? localWeb : remoteWeb(reach, certificate.fingerprint)}`;
}

const localWeb =
  `Web:    http://127.0.0.1:${WEB_PORT}, only from this machine, as OPC UA is: edgekeep init --lan opens both.
        From elsewhere: ssh -L ${WEB_PORT}:127.0.0.1:${WEB_PORT} <this machine>, then the same address there.
`;

function remoteWeb(reach: readonly string[], fingerprint: string): string {
  return `Web:    ${reach.map((address) => `https://${address}:${WEB_PORT}`).join(" or ")}; everybody logs in.
        The browser warns once, since no authority vouches for the certificate. Accept it only when it shows this SHA-256:
        ${fingerprint}
Control: a socket of this machine, so \`edgekeep ctl\` needs no token here and is not reached from elsewhere.
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
