import { Command } from "commander";
import { renderUnicodeCompact } from "uqr";
import type { z } from "zod";
import type { operationSchemas } from "../operations/schemas/operation_schemas.ts";
import { columns, type DoorChoice, roleOption, shortTime, throughDoor, withDoorOptions } from "./access_door.ts";
import { daysOf, type LifetimeChoice, withLifetime } from "./token.ts";
import { visible } from "./visible.ts";

type Started = z.output<(typeof operationSchemas)["pair.start"]["result"]>;
type Pairing = Started["info"];

/** `edgekeep pair`: lets a phone or a panel in without giving it a password. The gateway must run. */
export function pairCommand(): Command {
  return new Command("pair")
    .description("start, list and withdraw pairings of devices; the gateway must run")
    .addCommand(startCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand())
    .addHelpText(
      "after",
      `
Examples:
  edgekeep pair start "control room panel" --role viewer
  edgekeep pair start "anna's phone" --role operator --days 30`,
    );
}

function startCommand(): Command {
  return withLifetime(withDoorOptions(new Command("start")))
    .description("make a code that a device trades for a token within five minutes")
    .argument("<label>", "what is paired")
    .addOption(roleOption("viewer"))
    .option("--no-qr", "do not draw the link")
    .action(async function (label: string, choice: LifetimeChoice & { readonly role: string; readonly qr: boolean }) {
      await throughDoor(
        this,
        choice,
        (call) => call("pair.start", { label, role: choice.role, days: daysOf(choice) }) as Promise<Started>,
        (started) => startedText(started, choice.qr),
        { online: true },
      );
    });
}

function startedText({ code, link, info }: Started, qr: boolean): string {
  const what = `Good for one claim until ${shortTime(info.expires)}; '${visible(info.label)}' will be ${info.role}`;
  if (link === null) return `${code}\n\n${what}. No web page is served: claim it with edgekeep ctl pair.claim\n`;
  const drawn = qr ? `\n${renderUnicodeCompact(link, { border: 2 })}\n` : "";
  return `${drawn}\nCode  ${code}\nPage  ${visible(link)}\n\n${what}\n`;
}

function listCommand(): Command {
  return withDoorOptions(new Command("list"))
    .description("list open pairing codes, without the codes")
    .action(async function (choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("pair.list") as Promise<{ pairings: Pairing[] }>,
        ({ pairings }) =>
          columns(
            ["ID", "ROLE", "EXPIRES", "WRONG TRIES", "BY", "LABEL"],
            pairings.map(({ id, role, expires, wrongTries, createdBy, label }) => [
              id,
              role,
              shortTime(expires),
              String(wrongTries),
              createdBy,
              label,
            ]),
          ),
        { online: true },
      );
    });
}

function revokeCommand(): Command {
  return withDoorOptions(new Command("revoke"))
    .description("withdraw an open pairing code")
    .argument("<id>", "as edgekeep pair list shows it")
    .action(async function (id: string, choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("pair.revoke", { id }) as Promise<Pairing>,
        (pairing) => `The code for '${visible(pairing.label)}' is withdrawn\n`,
        { online: true },
      );
    });
}
