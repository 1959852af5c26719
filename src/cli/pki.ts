import { Command } from "commander";
import { loadConfigHere } from "../config/load_here.ts";
import type { Config } from "../config/schema.ts";
import { DEFAULT_DAYS, MOST_DAYS } from "../tls/make_certificate.ts";
import { NotSelfManaged, renewServerCertificate, selfManagedPlaces } from "../tls/renew_server_certificate.ts";
import type { CertificateFacts } from "../tls/server_certificate.ts";
import { machineNames } from "../config/machine_names.ts";
import { serverNames } from "../tls/server_names.ts";
import { writeServerCertificate } from "../tls/write_server_certificate.ts";
import { certificateReport, reportJson, reportText } from "./certificate_report.ts";
import { type ConfigChoice, withConfigOptions } from "./config_or_exit.ts";
import type { CliContext } from "./context.ts";
import { ExitCode } from "./exit_code.ts";
import { findingsText } from "./findings_report.ts";
import { wholeNumber } from "./option_values.ts";
import { opcuaPkiCommands } from "./pki_opcua.ts";
import { print } from "./print.ts";

interface NewChoice extends ConfigChoice {
  readonly name?: readonly string[];
  readonly names?: readonly string[];
  readonly days: number;
  readonly force?: boolean;
}

interface RenewChoice extends ConfigChoice {
  readonly days: number;
}

interface ShowChoice extends ConfigChoice {
  readonly json?: boolean;
}

/** `edgekeep pki`: the certificates of this gateway, whether it runs or not. */
export function pkiCommand(context: Pick<CliContext, "opcuaPkiEntry">): Command {
  const command = new Command("pki")
    .description("make, renew and show the certificates of this gateway, and whom its OPC UA server trusts")
    .addCommand(newServerCertCommand())
    .addCommand(renewCommand())
    .addCommand(showCommand())
    .addHelpText(
      "after",
      `
Examples:
  edgekeep pki new-server-cert --project /etc/edgekeep --name gateway.plant.example
  edgekeep pki show --json | jq .server.notAfter
  edgekeep pki renew --config /etc/edgekeep/edgekeep.toml
  edgekeep pki list
  edgekeep pki trust AB:CD:… --users --user anna
  edgekeep pki import plant-ca.pem && edgekeep pki import plant-ca.crl --crl
  edgekeep pki renew-opcua --keep-key`,
    );
  for (const part of opcuaPkiCommands(context.opcuaPkiEntry)) command.addCommand(part);
  return command;
}

function newServerCertCommand(): Command {
  return withConfigOptions(new Command("new-server-cert"))
    .description("make the certificate of web and control, with its key, where [runtime.tls] wants them")
    .option("--name <name>", "one more host name or address under which others reach it; can be repeated", collect)
    .option("--names <names>", "the same, several with commas between", collect)
    .option("--days <days>", daysHelp, wholeNumber(1, MOST_DAYS), DEFAULT_DAYS)
    .option("--force", "replace a certificate and a key that are there already")
    .addHelpText(
      "after",
      "\nIt names, besides --name: the listen addresses, [runtime.web].allowed_hosts, this machine's name as it is and " +
        "with .local,\nits addresses where a listener is open to all of them, and localhost.",
    )
    .action(async function (choice: NewChoice) {
      const { config, file } = await load(this, choice);
      const places = orRefuse(this, () => selfManagedPlaces(config));
      const there = choice.force === true ? null : await firstPresent([places.certPath, places.keyPath]);
      if (there !== null) {
        this.error(
          `Cannot make a certificate as ${there} is there already: edgekeep pki renew makes a new one for the same names, ` +
            "--force one for the names of now",
          { exitCode: ExitCode.LocalResource },
        );
      }
      const names = serverNames(config, machineNames(), [...choice.name ?? [], ...choice.names ?? []]);
      const owner = await ownerOf(file);
      const facts = await orExplain(
        this,
        () => writeServerCertificate({ names: asked(choice, names), days: choice.days }, { ...places, owner }),
      );
      writer(this)(madeText(facts, config, choice.days));
    });
}

function renewCommand(): Command {
  return withConfigOptions(new Command("renew"))
    .description("make a new certificate and key of web and control, for the names of the present one")
    .option("--days <days>", daysHelp, wholeNumber(1, MOST_DAYS), DEFAULT_DAYS)
    .action(async function (choice: RenewChoice) {
      const { config } = await load(this, choice);
      orRefuse(this, () => selfManagedPlaces(config));
      const facts = await orExplain(this, () => renewServerCertificate(config, choice.days));
      writer(this)(madeText(facts, config, choice.days));
    });
}

function showCommand(): Command {
  return withConfigOptions(new Command("show"))
    .description("show the certificates of web, control and OPC UA: names, end, fingerprint")
    .option("--json", "print them as JSON")
    .addHelpText("after", "\nExit code 6 when a certificate cannot be used or has expired.")
    .action(async function (choice: ShowChoice) {
      const { config } = await load(this, choice);
      const report = await certificateReport(config, Date.now() * 1000);
      writer(this)(choice.json === true ? reportJson(report) : reportText(report));
      if (report.problems.some(({ severity }) => severity === "error")) Deno.exitCode = ExitCode.LocalResource;
    });
}

const daysHelp = `days until its end, 1 to ${MOST_DAYS}; Apple's systems refuse more than ${DEFAULT_DAYS}`;

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(",").map((name) => name.trim()).filter((name) => name !== "")];
}

/** Names that a person gave are never dropped silently: a wrong one is refused when the certificate is made. */
function asked({ name = [], names = [] }: NewChoice, all: readonly string[]): string[] {
  return [...new Set([...name, ...names, ...all].map((one) => one.toLowerCase()))];
}

/**
 * The configuration as schema and rules see it. The policy is not asked: it refuses a configuration without certificate,
 * which is why somebody calls this.
 */
async function load(command: Command, choice: ConfigChoice): Promise<{ config: Config; file: string }> {
  const result = await loadConfigHere({ path: choice.config, project: choice.project });
  if (!result.ok) command.error(findingsText(result).trimEnd(), { exitCode: ExitCode.ConfigRefused });
  return result;
}

function orRefuse<T>(command: Command, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof NotSelfManaged)) throw error;
    command.error(error.message, { exitCode: ExitCode.ConfigRefused });
  }
}

async function orExplain<T>(command: Command, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof RangeError) command.error(error.message, { exitCode: ExitCode.Usage });
    if (!(error instanceof Error)) throw error;
    command.error(`Cannot write the certificate: ${error.message}`, { exitCode: ExitCode.LocalResource });
  }
}

/** Root makes files for the user whose configuration it is, who has to read the key. */
async function ownerOf(file: string): Promise<{ uid: number; gid: number } | undefined> {
  if (Deno.uid() !== 0) return undefined;
  const { uid, gid } = await Deno.stat(file);
  return uid === null || gid === null || uid === 0 ? undefined : { uid, gid };
}

async function firstPresent(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) {
    try {
      await Deno.stat(path);
      return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return null;
}

function madeText(facts: CertificateFacts, { runtime: { tls } }: Config, days: number): string {
  return `Written: ${tls.cert_path}
Written: ${tls.key_path} (mode 0600)

Names:       ${facts.names.join(", ")}
Valid until: ${new Date(facts.notAfterUs / 1000).toISOString().slice(0, 10)}
SHA-256:     ${facts.fingerprint}

Browsers warn once, since no authority vouches for it: compare the SHA-256 above with the one that the browser shows, and
accept it only when they are the same. A running gateway takes the new certificate over within half a minute.
${
    days > DEFAULT_DAYS
      ? `Apple's systems refuse certificates that are valid for more than ${DEFAULT_DAYS} days.\n`
      : ""
  }`;
}

function writer(command: Command): (text: string) => void {
  return command.configureOutput().writeOut ?? print;
}
