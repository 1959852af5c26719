import { isEnded } from "../../commands/command_state.ts";
import type { ArgumentValue, CancelAnswer, Command, CommandRefusal, Commands } from "../../commands/commands.ts";
import type { CommandDefinition } from "../../config/command_definition.ts";
import { formatTime } from "../../telemetry/time_text.ts";
import { answers } from "../define.ts";
import { type Operation, OperationError, type OperationErrorCode } from "../operation.ts";
import type { OperationParts } from "../operation_parts.ts";

/** Longest text of arguments in an audit record. */
const MAX_NOTE = 512;

/** Downlinks to devices. */
export function commandOperations({ commands }: OperationParts): Operation[] {
  return [
    answers("commands.definitions", ({ device, limit, cursor }) => {
      const devEui = device?.toLowerCase();
      const matching = commands.definitions().filter((one) => devEui === undefined || one.devEui === devEui)
        .map((one) => ({ one, key: `${one.devEui}/${one.name}` })).toSorted((a, b) => (a.key < b.key ? -1 : 1));
      const behind = cursor === undefined ? matching : matching.filter(({ key }) => key > cursor);
      const page = behind.slice(0, limit);
      return {
        items: page.map(({ one }) => viewDefinition(one, commands)),
        next: behind.length > limit ? page.at(-1)?.key ?? null : null,
      };
    }),
    answers("commands.list", ({ device, command, which, limit, before }) => {
      const devEui = device?.toLowerCase();
      const name = devEui === undefined || command === undefined
        ? command
        : commands.definition(devEui, command)?.name ?? command;
      const found = commands.list({
        ...(devEui === undefined ? {} : { devEui }),
        ...(name === undefined ? {} : { command: name }),
        ...(which === "all" ? {} : { open: which === "open" }),
        ...(before === undefined ? {} : { before }),
        limit: limit + 1,
      });
      const page = found.slice(0, limit);
      return {
        items: page.map(viewCommand),
        next: found.length > limit ? page.at(-1)?.sequence ?? null : null,
      };
    }),
    answers("commands.get", ({ id }) => {
      const command = commands.get(id);
      if (command === undefined) throw notFound(id);
      return {
        ...viewCommand(command),
        steps: commands.steps(id).map(({ state, timeUs, detail }) => ({ state, time: formatTime(timeUs), detail })),
      };
    }),
    answers("commands.send", async ({ device, command, args, key }, { caller, note }) => {
      const devEui = device.toLowerCase();
      const given = argumentsOf(args, commands.definition(devEui, String(command)));
      note("args", JSON.stringify(given).slice(0, MAX_NOTE));
      const answer = await commands.send({
        devEui,
        command: String(command),
        arguments: given,
        idempotencyKey: key,
        by: caller,
      });
      if (!answer.ok) throw refusalOfSend(answer);
      note("command_id", answer.command.id);
      note("device", devEui);
      if (answer.repeated) note("repeated", true);
      return { ...viewCommand(answer.command), repeated: answer.repeated };
    }),
    answers("commands.cancel", async ({ id }, { caller, note }) => {
      const answer = await commands.cancel(id, caller);
      if (!answer.ok) throw refusalOfCancel(answer, id);
      note("command_id", id);
      note("device", answer.command.devEui);
      return viewCommand(answer.command);
    }),
  ];
}

/** One value alone is that of the only argument. */
function argumentsOf(
  args: ArgumentValue | Readonly<Record<string, ArgumentValue>>,
  definition: CommandDefinition | undefined,
): Readonly<Record<string, ArgumentValue>> {
  if (typeof args === "object") return args;
  // what is not defined is refused as that
  if (definition === undefined) return { value: args };
  const [only, ...others] = definition.arguments;
  if (only !== undefined && others.length === 0) return { [only.name]: args };
  const names = definition.arguments.map(({ name }) => name).join(", ");
  throw new OperationError(
    "bad_params",
    `One value alone does not fit '${definition.name}', which takes ${names === "" ? "none" : names}`,
    { field: "args", fix: "Give the values by name" },
  );
}

type SendRefusal = {
  readonly reason: CommandRefusal;
  readonly message: string;
  readonly argument?: string;
};

const sendCodes: Readonly<
  Record<CommandRefusal, readonly [code: OperationErrorCode, field: string | null, fix: string]>
> = {
  unknown_device: ["not_found", "device", "commands.definitions names devices and their commands"],
  unknown_command: ["not_found", "command", "commands.definitions names devices and their commands"],
  disabled: ["conflict", "command", "Set enabled = true for the command and its device in the configuration"],
  missing_argument: ["bad_params", "args", "commands.definitions names the arguments"],
  unknown_argument: ["bad_params", "args", "commands.definitions names the arguments"],
  wrong_type: ["bad_params", "args", "commands.definitions names the types"],
  out_of_range: ["bad_params", "args", "commands.definitions names the ranges; the payload may hold less"],
  not_in_values: ["bad_params", "args", "commands.definitions names the values"],
  too_many: ["too_many", null, "Wait, cancel commands that are not needed, or raise the limit in [commands]"],
  key_reused: ["conflict", "key", "Use a new key for each command"],
  unavailable: ["unavailable", null, "Look at the faults; nothing was sent"],
};

function refusalOfSend({ reason, message, argument }: SendRefusal): OperationError {
  const [code, field, fix] = sendCodes[reason];
  return new OperationError(code, message, {
    field: field === "args" && argument !== undefined ? `args.${argument}` : field ?? undefined,
    fix,
    details: { reason, ...(argument === undefined ? {} : { argument }) },
  });
}

function refusalOfCancel(answer: Exclude<CancelAnswer, { ok: true }>, id: string): OperationError {
  const { reason, message } = answer;
  if (reason === "unknown_id") return notFound(id);
  const text = `Cannot cancel the command: ${message}`;
  return reason === "too_late"
    ? new OperationError("conflict", text, { field: "id", details: { reason } })
    : new OperationError("target_unreachable", text, { field: "id", fix: "Try again", details: { reason } });
}

function notFound(id: string): OperationError {
  return new OperationError("not_found", `There is no command '${id}'`, {
    field: "id",
    fix: "commands.list names those that were sent",
  });
}

function viewCommand(command: Command) {
  const { id, sequence, devEui, command: name, arguments: args, state, detail, confirmed, fPort, payloadHex } = command;
  return {
    id,
    sequence,
    device: devEui,
    command: name,
    args: { ...args },
    state,
    ended: isEnded(command),
    detail,
    confirmed,
    fPort,
    payload: payloadHex,
    by: command.by.name,
    queueItem: command.queueItemId,
    created: formatTime(command.createdUs),
    updated: formatTime(command.updatedUs),
    deadline: formatTime(command.deadlineUs),
  };
}

function viewDefinition(definition: CommandDefinition, commands: Commands) {
  const { devEui, deviceName, id, name, fPort, confirmed, payload, deadlineMs, enabled } = definition;
  const newest = commands.newest(devEui, name);
  return {
    device: devEui,
    deviceName,
    id,
    name,
    fPort,
    confirmed,
    payload: payload.kind,
    arguments: definition.arguments.map(({ values, ...argument }) => ({
      ...argument,
      values: values === null ? null : [...values],
    })),
    deadlineSeconds: deadlineMs / 1000,
    enabled,
    newest: newest === undefined ? null : viewCommand(newest),
  };
}
