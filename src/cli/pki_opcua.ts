import { Command } from "commander";
import type { z } from "zod";
import type { guardSchemas } from "../operations/schemas/guard_schemas.ts";
import { columns, type DoorChoice, shortTime, throughDoor, withDoorOptions } from "./access_door.ts";
import { ExitCode } from "./exit_code.ts";
import { wholeNumber } from "./option_values.ts";
import { visible } from "./visible.ts";

type Listing = z.output<(typeof guardSchemas)["pki.list"]["result"]>;
type Contents = Listing["users"];
type Certificate = Contents["trusted"][number];
type Own = z.output<(typeof guardSchemas)["pki.renew_opcua"]["result"]>;

interface StoreChoice extends DoorChoice {
  readonly users?: boolean;
}

const MOST_DAYS = 3650;

/** The parts of `edgekeep pki` about the OPC UA server, whether it runs or not. */
export function opcuaPkiCommands(opcuaPkiEntry: URL): Command[] {
  const through: typeof throughDoor = (command, choice, work, text) =>
    throughDoor(command, choice, work, text, { opcuaPkiEntry });
  return [
    listCommand(through),
    moveCommand("trust", "trust a certificate that was rejected", through)
      .option("--user <name>", "with --users: the stored user that the certificate stands for"),
    moveCommand("reject", "withdraw the trust in a certificate", through),
    removeCommand(through),
    importCommand(through),
    renewCommand(through),
    requestCommand(through),
    installCommand(through),
  ];
}

function withStore(command: Command): Command {
  return withDoorOptions(command).option("--users", "people who log in with a certificate, instead of clients");
}

const storeOf = ({ users }: StoreChoice) => users === true ? "users" : "application";

function listCommand(through: typeof throughDoor): Command {
  return withDoorOptions(new Command("list"))
    .description("list the OPC UA certificates: own, trusted, of CAs, revocation lists, rejected")
    .action(async function (choice: DoorChoice) {
      await through(this, choice, async (call) => await call("pki.list") as Listing, listText);
    });
}

function listText(listing: Listing): string {
  const rows = [
    ...listing.own === null ? [] : [row("own", listing.own)],
    ...contentRows("clients", listing),
    ...contentRows("users", listing.users),
  ];
  return rows.length === 0 ? "There is no certificate yet.\n" : columns(["WHERE", "SUBJECT", "UNTIL", "SHA-256"], rows);
}

function contentRows(store: string, { trusted, issuers, crls, rejected }: Contents): string[][] {
  return [
    ...trusted.map((one) => row(`${store}: trusted`, one)),
    ...issuers.map((one) => row(`${store}: issuer`, one)),
    ...crls.map(({ issuer, revoked, nextUpdate, fingerprint }) => [
      `${store}: revocation list`,
      `${issuer} (${revoked} revoked)`,
      shortTime(nextUpdate),
      fingerprint,
    ]),
    ...rejected.map((one) => row(`${store}: rejected`, one)),
  ];
}

function row(where: string, { subject, notAfter, fingerprint }: Certificate): string[] {
  return [where, subject, shortTime(notAfter), fingerprint];
}

function moveCommand(
  verdict: "trust" | "reject",
  description: string,
  through: typeof throughDoor,
): Command {
  return withStore(new Command(verdict))
    .description(description)
    .argument("<fingerprint>", "SHA-256 as `edgekeep pki list` shows it")
    .action(async function (fingerprint: string, choice: StoreChoice & { readonly user?: string }) {
      const store = storeOf(choice);
      const user = choice.user === undefined ? {} : { user: choice.user };
      await through(
        this,
        choice,
        async (call) => await call(`pki.${verdict}`, { fingerprint, store, ...user }) as Certificate,
        ({ subject }) => `${visible(subject)} is ${verdict === "trust" ? "trusted" : "not trusted any more"}\n`,
      );
    });
}

function removeCommand(through: typeof throughDoor): Command {
  return withStore(new Command("remove"))
    .description("delete a certificate or a revocation list")
    .argument("<fingerprint>", "SHA-256 as `edgekeep pki list` shows it")
    .action(async function (fingerprint: string, choice: StoreChoice) {
      await through(
        this,
        choice,
        async (call) => await call("pki.remove", { fingerprint, store: storeOf(choice) }) as { name: string },
        ({ name }) => `${visible(name)} is removed\n`,
      );
    });
}

function importCommand(through: typeof throughDoor): Command {
  return withStore(new Command("import"))
    .description("add a certificate or a revocation list from a file, PEM or DER")
    .argument("<file>", "what to add")
    .option("--issuer", "a CA that completes chains, without being trusted itself")
    .option("--crl", "a revocation list")
    .action(async function (file: string, choice: StoreChoice & { readonly issuer?: boolean; readonly crl?: boolean }) {
      const kind = choice.crl === true ? "crl" : choice.issuer === true ? "issuer" : "trusted";
      const data = await readUpload(this, file);
      await through(
        this,
        choice,
        async (call) => await call("pki.add", { store: storeOf(choice), kind, data }) as { name: string },
        ({ name }) => `${visible(name)} is added\n`,
      );
    });
}

function renewCommand(through: typeof throughDoor): Command {
  return withDoorOptions(new Command("renew-opcua"))
    .description("make a new certificate of the OPC UA server for the names of now; a running one uses it at once")
    .option("--keep-key", "keep the key")
    .option("--days <days>", `days until its end, 1 to ${MOST_DAYS}`, wholeNumber(1, MOST_DAYS), MOST_DAYS)
    .action(async function (choice: DoorChoice & { readonly keepKey?: boolean; readonly days: number }) {
      await through(
        this,
        choice,
        async (call) => await call("pki.renew_opcua", { newKey: choice.keepKey !== true, days: choice.days }) as Own,
        ownText,
      );
    });
}

function requestCommand(through: typeof throughDoor): Command {
  return withDoorOptions(new Command("csr"))
    .description("print a certificate signing request of the OPC UA server, for a CA")
    .action(async function (choice: DoorChoice) {
      await through(
        this,
        choice,
        async (call) => await call("pki.csr") as { request: string },
        ({ request }) => `${request.trimEnd()}\n`,
      );
    });
}

function installCommand(through: typeof throughDoor): Command {
  return withDoorOptions(new Command("install-opcua"))
    .description(
      "use a certificate that a CA made for the OPC UA server's key, PEM; its issuers may follow in the file",
    )
    .argument("<file>", "the certificate")
    .action(async function (file: string, choice: DoorChoice) {
      const certificate = await readUpload(this, file);
      await through(this, choice, async (call) => await call("pki.import", { certificate }) as Own, ownText);
    });
}

function ownText({ certificate, mismatches, backups }: Own): string {
  return [
    `Subject:     ${visible(certificate.subject)}`,
    `Names:       ${certificate.names.map(visible).join(", ")}`,
    `Valid until: ${certificate.notAfter.slice(0, 10)}`,
    `SHA-256:     ${certificate.fingerprint}`,
    ...backups.map((name) => `Kept:        ${visible(name)}`),
    ...mismatches.map((text) => `Note:        ${visible(text)}`),
    "Clients must trust it: those that connect from now on see the new one.",
    "",
  ].join("\n");
}

/** PEM as it is, DER as base64. */
async function readUpload(command: Command, file: string): Promise<string> {
  const data = await Deno.readFile(file).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    command.error(`Cannot read ${file}: ${reason}`, { exitCode: ExitCode.LocalResource });
  });
  return data[0] === 0x30 ? data.toBase64() : new TextDecoder().decode(data);
}
