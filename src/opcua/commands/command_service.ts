import {
  AttributeIds,
  type CallMethodRequest,
  type CallMethodResultOptions,
  type ISessionContext,
  PermissionType,
  type StatusCode,
  StatusCodes,
  type UAMethod,
  type Variant,
  type WriteValue,
} from "node-opcua";
import type { ArgumentValue } from "../../commands/commands.ts";
import type { OperationAnswer } from "../../operations/operation.ts";
import type { SpaceRequests } from "../library/space_requests.ts";
import type { CommandNode, CommandNodes } from "./command_nodes.ts";
import { givenValue } from "./command_value.ts";
import { refusalStatus } from "./refusal_status.ts";

/** Calls an operation in the name of the session behind a context. Never rejects. */
export type AskOperation = (name: string, params: unknown, context: ISessionContext) => Promise<OperationAnswer>;

/** A method of ours and the operation that it stands for. */
export interface JudgedMethod {
  readonly method: UAMethod;
  readonly operation: string;
  /** What a call is about, for the record of one that is refused. */
  readonly target: (inputs: readonly Variant[]) => Record<string, unknown>;
}

/** What {@link serveCommandRequests} works with. */
export interface CommandServiceOptions {
  readonly requests: SpaceRequests;
  readonly namespaceIndex: number;
  readonly nodes: Pick<CommandNodes, "get">;
  /** The method behind a NodeId, when it is one of ours. */
  readonly methodOf: (nodeId: string) => JudgedMethod | undefined;
  readonly ask: AskOperation;
}

/**
 * Takes over Write for the variables of commands, and looks at Call: a value that is written is a new command, whatever
 * was written before, and is answered `GoodCompletesAsynchronously` once it is stored (OPC 10000-4 §5.11.4). Whoever may
 * not is refused by the operation, which puts that on record. Everything else goes the library's way.
 */
export function serveCommandRequests(options: CommandServiceOptions): void {
  const { requests, namespaceIndex, nodes, methodOf, ask } = options;
  const writeByLibrary = requests.write.bind(requests);
  const callByLibrary = requests.call.bind(requests);

  requests.write = async (context: ISessionContext, items: WriteValue[]) => {
    const targets = items.map(targetOf);
    if (targets.every((target) => target === null)) return await writeByLibrary(context, items);
    const results: StatusCode[] = new Array(items.length);
    const others = items.filter((_item, i) => targets[i] === null);
    const answers = others.length === 0 ? [] : await writeByLibrary(context, others);
    let next = 0;
    // one after the other: commands to one device go out in the order in which they were written
    for (const [i, item] of items.entries()) {
      const target = targets[i] ?? null;
      results[i] = target === null
        ? answers[next++] ?? StatusCodes.BadInternalError
        : await write(context, item, target);
    }
    return results;
  };

  requests.call = async (context: ISessionContext, calls: CallMethodRequest[]) => {
    const denied = calls.map(({ methodId }) => {
      const judged = methodOf(methodId.toString());
      return judged !== undefined && !context.checkPermission(judged.method, PermissionType.Call) ? judged : null;
    });
    if (denied.every((one) => one === null)) return await callByLibrary(context, calls);
    const allowed = calls.filter((_call, i) => denied[i] === null);
    const answers = allowed.length === 0 ? [] : await callByLibrary(context, allowed);
    let next = 0;
    const results: CallMethodResultOptions[] = [];
    for (const [i, one] of denied.entries()) {
      if (one === null) results.push(answers[next++] ?? {});
      else {
        const target = one.target(calls[i]?.inputArguments ?? []);
        results.push({ statusCode: await deny(one.operation, target, context) });
      }
    }
    return results;
  };

  /** The writable variable of a command that an item is for. */
  function targetOf({ nodeId, attributeId }: WriteValue): CommandNode | null {
    if (attributeId !== AttributeIds.Value || nodeId.namespace !== namespaceIndex) return null;
    const node = typeof nodeId.value === "string" ? nodes.get(nodeId.value) : undefined;
    return node === undefined || node.form.kind === "method" ? null : node;
  }

  async function write(context: ISessionContext, item: WriteValue, node: CommandNode): Promise<StatusCode> {
    const { definition, form, variable } = node;
    const target = { device: definition.devEui, command: definition.name };
    if (!context.checkPermission(variable, PermissionType.Write)) return await deny("commands.send", target, context);
    const { value } = item;
    const range = item.indexRange as { isEmpty(): boolean } | null;
    if (range !== null && range !== undefined && !range.isEmpty()) return StatusCodes.BadWriteNotSupported;
    if (value.sourceTimestamp || value.serverTimestamp || !value.statusCode.equals(StatusCodes.Good)) {
      return StatusCodes.BadWriteNotSupported;
    }
    if (!value.value) return StatusCodes.BadTypeMismatch;
    const given = givenValue(value.value, form.kind === "value" ? form.dataType : "Boolean");
    if (!given.ok) return given.status;
    const args: Record<string, ArgumentValue> = {};
    if (form.kind === "value") args[form.argument.name] = given.value;
    else if (given.value !== true) return StatusCodes.BadOutOfRange;
    const answer = await ask("commands.send", { ...target, args }, context);
    return answer.ok ? StatusCodes.GoodCompletesAsynchronously : refusalStatus(answer);
  }

  /** Lets the operation refuse whoever may not, for the record. The empty key is no key: nothing could come of it. */
  async function deny(
    operation: string,
    params: Record<string, unknown>,
    context: ISessionContext,
  ): Promise<StatusCode> {
    const answer = await ask(operation, { ...params, key: "" }, context);
    return answer.ok ? StatusCodes.BadUserAccessDenied : refusalStatus(answer);
  }
}
