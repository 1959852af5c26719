import { Command } from "commander";
import type { ResultOf } from "../../operations/schemas/operation_schemas.ts";
import { columns, type DoorChoice, shortTime, throughDoor, withDoorOptions } from "../access_door.ts";
import { wholeNumber } from "../option_values.ts";
import { visible } from "../visible.ts";

interface CreateChoice extends DoorChoice {
  readonly group: string;
  readonly uses: number;
  readonly minutes: number;
}

const online = { online: true } as const;

/** `edgekeep hub token`: tokens by which machines join the mesh. */
export function hubTokenCommand(): Command {
  return new Command("token")
    .summary("make, list and revoke join tokens")
    .description("make, list and revoke join tokens, by which machines join the mesh; the hub must run")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand())
    .addHelpText(
      "after",
      `
Examples:
  edgekeep hub token create "pump house"
  edgekeep hub token create --group plc --uses 10 --minutes 60 "line 3"
  edgekeep hub token create box-b --json | jq -r .text | ssh box-b edgekeep agent join`,
    );
}

function createCommand(): Command {
  return withDoorOptions(new Command("create"))
    .description("make a join token; it is shown this once")
    .argument("<label>", "what it is for")
    .option("--group <group>", "group that its nodes start in", "nodes")
    .option("--uses <count>", "machines that may join with it, 1 to 100", wholeNumber(1, 100), 1)
    .option("--minutes <minutes>", "minutes until it ends, 1 to 10080", wholeNumber(1, 10_080), 15)
    .action(async function (label: string, { group, uses, minutes, ...choice }: CreateChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("hub.token.create", { label, group, uses, minutes }) as Promise<ResultOf<"hub.token.create">>,
        ({ text, token }) =>
          `${text}\n\nShown this once. '${visible(token.label)}' (${token.id}) is good for ${
            token.uses === 1 ? "one machine" : `${token.uses} machines`
          } until ${shortTime(token.expires)}.\nOn the machine that is to join: edgekeep agent join\n`,
        online,
      );
    });
}

function listCommand(): Command {
  return withDoorOptions(new Command("list"))
    .description("list join tokens, without their secrets")
    .action(async function (choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("hub.tokens") as Promise<ResultOf<"hub.tokens">>,
        ({ tokens }) =>
          columns(
            ["ID", "STATE", "USES LEFT", "GROUP", "EXPIRES", "MADE BY", "LABEL"],
            tokens.map(({ id, state, uses, usesLeft, group, expires, createdBy, label }) => [
              id,
              state,
              `${usesLeft} of ${uses}`,
              group === "" ? "-" : group,
              shortTime(expires),
              createdBy,
              label,
            ]),
          ),
        online,
      );
    });
}

function revokeCommand(): Command {
  return withDoorOptions(new Command("revoke"))
    .description("revoke a join token at once; nodes that joined with it stay")
    .argument("<id>", "as edgekeep hub token list shows it")
    .action(async function (id: string, choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("hub.token.revoke", { id }) as Promise<ResultOf<"hub.token.revoke">>,
        (token) => `'${visible(token.label)}' (${token.id}) is revoked\n`,
        online,
      );
    });
}
