import {
  type CallMethodResultOptions,
  DataType,
  type ISessionContext,
  type Namespace,
  type StatusCode,
  StatusCodes,
  type UAObject,
  type Variant,
} from "node-opcua";
import type { ArgumentValue } from "../../commands/commands.ts";
import type { CommandDefinition } from "../../config/command_definition.ts";
import type { OperationRefusal } from "../../operations/operation.ts";
import { everybodyMayCall, operatorMayCall } from "../security/node_roles.ts";
import { addMethod, type MethodArgument } from "../space/add_method.ts";
import { scalar } from "../space/data_values.ts";
import type { AskOperation, JudgedMethod } from "./command_service.ts";
import { argumentType, givenValue, rangeOf } from "./command_value.ts";
import { isAboutArguments, refusalStatus } from "./refusal_status.ts";

/** Longest text of a method's argument that is looked at, characters. */
const MAX_TEXT = 4096;

/** What an operation tells of a command. */
interface CommandView {
  readonly id: string;
  readonly device: string;
  readonly command: string;
  readonly state: string;
  readonly detail: string | null;
  readonly args: unknown;
  /** ISO 8601. */
  readonly created: string;
  readonly updated: string;
}

const text = (name: string, description: string): MethodArgument => ({ name, dataType: DataType.String, description });
const time = (name: string, description: string): MethodArgument => ({
  name,
  dataType: DataType.DateTime,
  description,
});
const commandId = text("commandId", "Id of the command");

/** Adds `SendCommand`, `CancelCommand` and `GetCommand` to the folder `Gateway`. */
export function addCommandMethods(namespace: Namespace, folder: UAObject, ask: AskOperation): JudgedMethod[] {
  const send = addMethod(namespace, folder, {
    id: "Gateway/SendCommand",
    name: "SendCommand",
    description: "Sends a command to a device. The answer comes once the command is stored.",
    inputs: [
      text("deviceId", "DevEUI of the device: 16 hexadecimal digits"),
      text("command", "Name or number of the command"),
      text("args", "JSON: an object with the arguments by name, or the one value; empty for a command without any"),
      text("idempotencyKey", "Your same key within a day gives the same command, not a second one; empty for none"),
    ],
    outputs: [commandId],
    permissions: operatorMayCall,
    run: async (inputs, context) => {
      const [device = "", command = "", args = "", key = ""] = inputs.map(textOf);
      const parsed = parseArguments(args);
      if (parsed === null) {
        return refused(StatusCodes.BadInvalidArgument, "The arguments are no JSON object or value", inputs.length, 2);
      }
      const params = { device, command, args: parsed, ...(key === "" ? {} : { key }) };
      const answer = await ask("commands.send", params, context);
      if (!answer.ok) return refusedBy(answer, inputs.length, inputAtFault(answer));
      return good([scalar(DataType.String, viewOf(answer).id)]);
    },
  });
  const cancel = addMethod(namespace, folder, {
    id: "Gateway/CancelCommand",
    name: "CancelCommand",
    description: "Cancels a command that was not sent yet.",
    inputs: [commandId],
    outputs: [text("state", "State of the command now")],
    permissions: operatorMayCall,
    run: async ([id], context) => {
      const answer = await ask("commands.cancel", { id: textOf(id) }, context);
      if (!answer.ok) return refusedBy(answer, 1, null);
      return good([scalar(DataType.String, viewOf(answer).state)]);
    },
  });
  const get = addMethod(namespace, folder, {
    id: "Gateway/GetCommand",
    name: "GetCommand",
    description: "Tells what became of a command.",
    inputs: [commandId],
    outputs: [
      text("state", "pending, queued, transmitted, acked, nacked, failed, expired, cancelled, timed_out or unknown"),
      text("detail", "Why it ended so; empty where the state says it"),
      text("deviceId", "DevEUI of the device"),
      text("command", "Name of the command"),
      text("args", "The arguments as a JSON object"),
      time("createdTime", "When it was taken"),
      time("updatedTime", "When its state changed last"),
    ],
    permissions: everybodyMayCall,
    run: async ([id], context) => {
      const answer = await ask("commands.get", { id: textOf(id) }, context);
      if (!answer.ok) return refusedBy(answer, 1, null);
      const view = viewOf(answer);
      return good([
        ...[view.state, view.detail ?? "", view.device, view.command, JSON.stringify(view.args)].map((part) =>
          scalar(DataType.String, part)
        ),
        scalar(DataType.DateTime, new Date(view.created)),
        scalar(DataType.DateTime, new Date(view.updated)),
      ]);
    },
  });
  const ofId = ([id]: readonly Variant[]) => ({ id: textOf(id) });
  return [
    {
      method: send,
      operation: "commands.send",
      target: ([device, command]) => ({ device: textOf(device), command: textOf(command) }),
    },
    { method: cancel, operation: "commands.cancel", target: ofId },
    { method: get, operation: "commands.get", target: ofId },
  ];
}

/** Runs the method of one command, whose arguments are the command's own. */
export async function sendByMethod(
  definition: CommandDefinition,
  inputs: readonly Variant[],
  context: ISessionContext,
  ask: AskOperation,
): Promise<CallMethodResultOptions> {
  const args: Record<string, ArgumentValue> = {};
  for (const [i, argument] of definition.arguments.entries()) {
    const input = inputs[i];
    const type = argumentType(argument, rangeOf(argument, definition));
    const given = input === undefined ? null : givenValue(input, type);
    if (given === null || !given.ok) {
      return refused(
        StatusCodes.BadInvalidArgument,
        "",
        inputs.length,
        i,
        given?.status ?? StatusCodes.BadTypeMismatch,
      );
    }
    args[argument.name] = given.value;
  }
  const answer = await ask("commands.send", { device: definition.devEui, command: definition.name, args }, context);
  if (!answer.ok) {
    const at = definition.arguments.findIndex(({ name }) => name === argumentAtFault(answer));
    return refusedBy(answer, inputs.length, at < 0 ? null : at);
  }
  return good([scalar(DataType.String, viewOf(answer).id)]);
}

/** The arguments of a command as a method gets them; `null` for a text that is no JSON, a list or null. */
function parseArguments(given: string): Record<string, unknown> | boolean | number | string | null {
  if (given.trim() === "") return {};
  if (given.length > MAX_TEXT) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(given);
  } catch {
    return null;
  }
  if (typeof parsed === "boolean" || typeof parsed === "number" || typeof parsed === "string") return parsed;
  return parsed === null || typeof parsed !== "object" || Array.isArray(parsed)
    ? null
    : parsed as Record<string, unknown>;
}

function textOf(variant: Variant | undefined): string {
  return typeof variant?.value === "string" ? variant.value.slice(0, MAX_TEXT + 1) : "";
}

function viewOf(answer: { readonly ok: true }): CommandView {
  const { result } = answer as unknown as { readonly result: CommandView };
  return result;
}

/** Which input of `SendCommand` a refusal is about; `null`: none, or more than its form. */
function inputAtFault(answer: OperationRefusal): number | null {
  if (!isAboutArguments(answer)) return null;
  const at = ["device", "command", "args", "key"].indexOf(answer.field?.split(".")[0] ?? "args");
  return at < 0 ? null : at;
}

function argumentAtFault({ details }: OperationRefusal): string | null {
  const argument = (details as { argument?: unknown } | null | undefined)?.argument;
  return typeof argument === "string" ? argument : null;
}

function good(outputArguments: Variant[]): CallMethodResultOptions {
  return { statusCode: StatusCodes.Good, outputArguments };
}

/**
 * A refusal; one that is about an argument is `BadInvalidArgument`, with the reason in the result of that argument
 * (OPC 10000-4 §5.12.2).
 */
function refusedBy(answer: OperationRefusal, inputs: number, at: number | null): CallMethodResultOptions {
  const status = refusalStatus(answer);
  return at === null
    ? refused(status, answer.message, inputs, null)
    : refused(StatusCodes.BadInvalidArgument, answer.message, inputs, at, status);
}

function refused(
  statusCode: StatusCode,
  message: string,
  inputs: number,
  at: number | null,
  why = statusCode,
): CallMethodResultOptions {
  const result = {
    statusCode,
    outputArguments: [],
    inputArgumentResults: Array.from({ length: inputs }, (_none, i) => i === at ? why : StatusCodes.Good),
    // goes into the diagnostics of a client that asks for them
    statusText: message,
  };
  return result;
}
