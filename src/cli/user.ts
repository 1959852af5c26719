import { Command } from "commander";
import type { z } from "zod";
import type { operationSchemas } from "../operations/schemas/operation_schemas.ts";
import { askSecret } from "./ask_secret.ts";
import { columns, type DoorChoice, roleOption, shortTime, throughDoor, withDoorOptions } from "./access_door.ts";
import { visible } from "./visible.ts";

type User = z.output<(typeof operationSchemas)["users.add"]["result"]>;

interface PasswordChoice extends DoorChoice {
  readonly passwordFile?: string;
}

const passwordHelp = "file with the password in its first line; - is standard input (default: asked for)";

/** `edgekeep user`: who may log in, whether the gateway runs or not. */
export function userCommand(): Command {
  return new Command("user")
    .description("add, list, change and remove users; works whether the gateway runs or not")
    .addCommand(addCommand())
    .addCommand(listCommand())
    .addCommand(setRoleCommand())
    .addCommand(passwordCommand())
    .addCommand(switchCommand("disable", true, "keep a user out without removing the user"))
    .addCommand(switchCommand("enable", false, "let a disabled user in again"))
    .addCommand(removeCommand())
    .addHelpText(
      "after",
      `
Examples:
  edgekeep user add anna --role admin --config /etc/edgekeep/edgekeep.toml
  edgekeep user add scada --role viewer --password-file /run/keys/scada
  edgekeep user list --json | jq -r '.users[].name'`,
    );
}

function addCommand(): Command {
  return withDoorOptions(new Command("add"))
    .description("add a user; the password is asked for, or read from standard input")
    .argument("<name>", "1 to 64 of A-Z a-z 0-9 . _ @ -")
    .addOption(roleOption("viewer"))
    .option("--password-file <file>", passwordHelp)
    .action(async function (name: string, choice: PasswordChoice & { readonly role: string }) {
      let hint = "";
      await throughDoor(
        this,
        choice,
        async (call) => {
          const password = await askSecret({
            what: `Password of ${visible(name)}`,
            file: choice.passwordFile,
            twice: true,
          });
          const added = await call("users.add", { name, password, role: choice.role }) as User;
          const { users } = await call("users.list") as { users: User[] };
          if (!users.some(({ role, disabled }) => role === "admin" && !disabled)) {
            const command = `edgekeep user set-role ${visible(name)} admin`;
            hint = `No user is an admin yet. To make this one an admin: ${command}\n`;
          }
          return added;
        },
        (user) => `${visible(user.name)} is added as ${user.role}\n${hint}`,
      );
    });
}

function listCommand(): Command {
  return withDoorOptions(new Command("list"))
    .description("list the users")
    .action(async function (choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("users.list") as Promise<{ users: User[] }>,
        ({ users }) =>
          columns(
            ["NAME", "ROLE", "STATE", "LAST USED", "CREATED"],
            users.map((
              user,
            ) => [user.name, user.role, stateOf(user), shortTime(user.lastUsed), shortTime(user.created)]),
          ),
      );
    });
}

function stateOf({ source, disabled }: User): string {
  return source === "config" ? "configured" : disabled ? "disabled" : "active";
}

function setRoleCommand(): Command {
  return withDoorOptions(new Command("set-role"))
    .description("change what a user may do; open connections of the user begin anew")
    .argument("<name>")
    .argument("<role>", "viewer, operator, engineer or admin")
    .action(async function (name: string, role: string, choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("users.set", { name, role }) as Promise<User>,
        (user) => `${visible(user.name)} is ${user.role} now\n`,
      );
    });
}

function passwordCommand(): Command {
  return withDoorOptions(new Command("password"))
    .description("give a user another password; sessions of the user end")
    .argument("<name>")
    .option("--password-file <file>", passwordHelp)
    .action(async function (name: string, choice: PasswordChoice) {
      await throughDoor(
        this,
        choice,
        async (call) => {
          const what = `New password of ${visible(name)}`;
          const password = await askSecret({ what, file: choice.passwordFile, twice: true });
          return await call("users.set", { name, password }) as User;
        },
        (user) => `${visible(user.name)} has a new password\n`,
      );
    });
}

function switchCommand(verb: "disable" | "enable", disabled: boolean, description: string): Command {
  return withDoorOptions(new Command(verb))
    .description(description)
    .argument("<name>")
    .action(async function (name: string, choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("users.set", { name, disabled }) as Promise<User>,
        (user) => `${visible(user.name)} is ${verb}d\n`,
      );
    });
}

function removeCommand(): Command {
  return withDoorOptions(new Command("remove"))
    .description("remove a user and end the user's sessions")
    .argument("<name>")
    .action(async function (name: string, choice: DoorChoice) {
      await throughDoor(this, choice, (call) => call("users.remove", { name }), () => `${visible(name)} is removed\n`);
    });
}
