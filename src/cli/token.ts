import { Command, Option } from "commander";
import type { z } from "zod";
import type { operationSchemas } from "../operations/schemas/operation_schemas.ts";
import { columns, type DoorChoice, roleOption, shortTime, throughDoor, withDoorOptions } from "./access_door.ts";
import { wholeNumber } from "./option_values.ts";
import { visible } from "./visible.ts";

type Token = z.output<(typeof operationSchemas)["tokens.revoke"]["result"]>;
type NewToken = z.output<(typeof operationSchemas)["tokens.create"]["result"]>;

/** How long a credential lives. */
export interface LifetimeChoice extends DoorChoice {
  readonly days: number;
  readonly unlimited?: boolean;
}

/** Adds `--days` and `--unlimited`. */
export function withLifetime(command: Command): Command {
  return command
    .option("--days <days>", "days until it ends, 1 to 3650", wholeNumber(1, 3650), 365)
    .addOption(new Option("--unlimited", "it is good until it is revoked"));
}

/** The lifetime as the operations take it. */
export function daysOf({ days, unlimited }: LifetimeChoice): number | null {
  return unlimited === true ? null : days;
}

/** `edgekeep token`: tokens of scripts and paired devices, whether the gateway runs or not. */
export function tokenCommand(): Command {
  return new Command("token")
    .description("make, list, renew and revoke API tokens; works whether the gateway runs or not")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(renewCommand())
    .addCommand(revokeCommand())
    .addHelpText(
      "after",
      `
Examples:
  edgekeep token create "nightly report" --role viewer --days 90
  edgekeep token create backup --role engineer --json | jq -r .token > /run/keys/edgekeep
  edgekeep token list`,
    );
}

function createCommand(): Command {
  return withLifetime(withDoorOptions(new Command("create")))
    .description("make a token; it is shown this once")
    .argument("<label>", "what it is for")
    .addOption(roleOption("viewer"))
    .action(async function (label: string, choice: LifetimeChoice & { readonly role: string }) {
      await throughDoor(
        this,
        choice,
        (call) => call("tokens.create", { label, role: choice.role, days: daysOf(choice) }) as Promise<NewToken>,
        ({ token, info }) =>
          `${token}\n\nShown this once. '${visible(info.label)}' (${info.id}) is ${info.role} until ${
            shortTime(info.expires, "it is revoked")
          }\n`,
      );
    });
}

function listCommand(): Command {
  return withDoorOptions(new Command("list"))
    .description("list tokens and paired devices, without their secrets")
    .action(async function (choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("tokens.list") as Promise<{ tokens: Token[] }>,
        ({ tokens }) =>
          columns(
            ["ID", "KIND", "ROLE", "EXPIRES", "LAST USED", "FROM", "LABEL"],
            tokens.map(({ id, kind, role, expires, lastUsed, lastAddress, label }) => [
              id,
              kind,
              role,
              shortTime(expires, "never"),
              shortTime(lastUsed),
              lastAddress ?? "-",
              label,
            ]),
          ),
      );
    });
}

function renewCommand(): Command {
  return withLifetime(withDoorOptions(new Command("renew")))
    .description("let a token live on, counted from now; its secret stays")
    .argument("<id>", "as edgekeep token list shows it")
    .action(async function (id: string, choice: LifetimeChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("tokens.renew", { id, days: daysOf(choice) }) as Promise<Token>,
        (token) =>
          `'${visible(token.label)}' (${token.id}) is good until ${shortTime(token.expires, "it is revoked")}\n`,
      );
    });
}

function revokeCommand(): Command {
  return withDoorOptions(new Command("revoke"))
    .description("revoke a token at once; its open connections and sessions end")
    .argument("<id>", "as edgekeep token list shows it")
    .action(async function (id: string, choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("tokens.revoke", { id }) as Promise<Token>,
        (token) => `'${visible(token.label)}' (${token.id}) is revoked\n`,
      );
    });
}
