import { Buffer } from "node:buffer";
import {
  type CallMethodRequest,
  type CallMethodResultOptions,
  DataType,
  type ISessionContext,
  type LocalizedText,
  type NodeId,
  type ServerSession,
  StatusCode,
  StatusCodes,
  type Variant,
  VariantArrayType,
} from "node-opcua";
import type { AlarmRefusal } from "../../alarms/alarms.ts";
import { MAX_SHELVED_MS } from "../../alarms/alarm_state.ts";
import type { Caller } from "../../access/principal.ts";
import type { OperationAnswer, OperationErrorCode, Operations } from "../../operations/operation.ts";
import { sessionOf } from "../library/session_roles.ts";
import type { Condition } from "./alarm_nodes.ts";

/** A method of conditions: what it takes, and which operation does it. */
interface ConditionMethod {
  readonly name: string;
  readonly inputs: readonly DataType[];
  readonly operation: string;
  readonly params: (inputs: readonly Variant[]) => Readonly<Record<string, unknown>> | StatusCode;
}

/** Characters of a comment that operations take. */
const LONGEST_COMMENT = 1000;

const { ByteString, LocalizedText: Text, Double } = DataType;

const eventAndComment = {
  inputs: [ByteString, Text],
  params: ([event, comment]: readonly Variant[]) => {
    const id = event?.value as Uint8Array | null | undefined;
    // an id of ours has 16 bytes: anything else is nobody's event
    if (id === null || id === undefined || id.length !== 16) return StatusCodes.BadEventIdUnknown;
    return { event: Buffer.from(id).toString("hex"), ...commentOf(comment) };
  },
};
const none = { inputs: [], params: () => ({}) };
const onlyComment = { inputs: [Text], params: ([comment]: readonly Variant[]) => commentOf(comment) };

const acknowledge: ConditionMethod = { name: "Acknowledge", operation: "alarms.ack", ...eventAndComment };
const confirm: ConditionMethod = { name: "Confirm", operation: "alarms.confirm", ...eventAndComment };
const addComment: ConditionMethod = { name: "AddComment", operation: "alarms.comment", ...eventAndComment };
const enable: ConditionMethod = { name: "Enable", operation: "alarms.enable", ...none };
const disable: ConditionMethod = { name: "Disable", operation: "alarms.disable", ...none };
const timedShelve: ConditionMethod = {
  name: "TimedShelve",
  inputs: [Double],
  operation: "alarms.shelve",
  params: ([ms]) => shelvingTime(ms),
};
const timedShelve2: ConditionMethod = {
  name: "TimedShelve2",
  inputs: [Double, Text],
  operation: "alarms.shelve",
  params: ([ms, comment]) => {
    const time = shelvingTime(ms);
    return time instanceof StatusCode ? time : { ...time, ...commentOf(comment) };
  },
};
const oneShotShelve: ConditionMethod = { name: "OneShotShelve", operation: "alarms.shelve", ...none };
const oneShotShelve2: ConditionMethod = { name: "OneShotShelve2", operation: "alarms.shelve", ...onlyComment };
const unshelve: ConditionMethod = { name: "Unshelve", operation: "alarms.unshelve", ...none };
const unshelve2: ConditionMethod = { name: "Unshelve2", operation: "alarms.unshelve", ...onlyComment };

/** By the ids that the standard's types give them; a condition's own have the name behind the condition's id. */
const byTypeId: ReadonlyMap<number, ConditionMethod> = new Map([
  [9027, enable],
  [9028, disable],
  [9029, addComment],
  [9111, acknowledge],
  [9113, confirm],
  // of ShelvedStateMachineType, and of the state machine that AlarmConditionType declares
  [2949, timedShelve],
  [9213, timedShelve],
  [24_756, timedShelve2],
  [2948, oneShotShelve],
  [9212, oneShotShelve],
  [24_760, oneShotShelve2],
  [2947, unshelve],
  [9211, unshelve],
  [24_758, unshelve2],
]);
const byName: ReadonlyMap<string, ConditionMethod> = new Map(
  [...byTypeId.values()].map((method) => [method.name, method]),
);

/** OPC 10000-9: one code for each reason. */
const refusals: Readonly<Record<AlarmRefusal, StatusCode>> = {
  unknown_alarm: StatusCodes.BadNodeIdUnknown,
  unknown_event: StatusCodes.BadEventIdUnknown,
  already_acknowledged: StatusCodes.BadConditionBranchAlreadyAcked,
  already_confirmed: StatusCodes.BadConditionBranchAlreadyConfirmed,
  // the standard has no code of its own for it
  not_acknowledged: StatusCodes.BadInvalidState,
  already_enabled: StatusCodes.BadConditionAlreadyEnabled,
  already_disabled: StatusCodes.BadConditionAlreadyDisabled,
  disabled: StatusCodes.BadConditionDisabled,
  already_shelved: StatusCodes.BadConditionAlreadyShelved,
  not_shelved: StatusCodes.BadConditionNotShelved,
  shelving_time: StatusCodes.BadShelvingTimeOutOfRange,
};

const errors: Partial<Record<OperationErrorCode, StatusCode>> = {
  unauthenticated: StatusCodes.BadUserAccessDenied,
  permission_denied: StatusCodes.BadUserAccessDenied,
  debug_locked: StatusCodes.BadUserAccessDenied,
  throttled: StatusCodes.BadTooManyOperations,
  bad_params: StatusCodes.BadInvalidArgument,
  not_found: StatusCodes.BadNodeIdUnknown,
  timeout: StatusCodes.BadTimeout,
  unavailable: StatusCodes.BadResourceUnavailable,
  cancelled: StatusCodes.BadSessionClosed,
};

/** What {@link conditionMethods} needs. */
export interface ConditionMethodsOptions {
  readonly namespaceIndex: number;
  /** The condition that a node of ours is or belongs to. */
  readonly owner: (id: string) => Condition | undefined;
  /** Whether any node has this id. */
  readonly exists: (id: NodeId) => boolean;
  readonly operations: Pick<Operations, "call">;
  readonly callerOf: (session: ServerSession) => Caller;
  /** Ends with the server. */
  readonly signal: AbortSignal;
}

/** Answers a call of a condition's method; `null` when the object is no condition, or the method none of theirs. */
export type ConditionCall = (
  context: ISessionContext,
  request: CallMethodRequest,
) => Promise<CallMethodResultOptions> | null;

/**
 * The methods of conditions, each by `operations`, which judges the role and writes the audit record. The object is the
 * ConditionId or the condition's ShelvingState; the method is that of the type or of the instance (§5.5.4 to §5.8.17).
 * They are taken before the library looks at them: so a refused caller is on record, and no child has to be there.
 */
export function conditionMethods(options: ConditionMethodsOptions): ConditionCall {
  const { namespaceIndex, owner, operations, callerOf, signal } = options;
  return (context, { objectId, methodId, inputArguments }) => {
    // of a type, and of what it declares, there is nothing to act on
    if (objectId.namespace === 0 && methodId.namespace === 0 && byTypeId.has(Number(methodId.value))) {
      return options.exists(objectId) ? Promise.resolve({ statusCode: StatusCodes.BadNodeIdInvalid }) : null;
    }
    const condition = ours(objectId) ? owner(String(objectId.value)) : undefined;
    if (condition === undefined) return null;
    const part = String(objectId.value).slice(condition.id.length);
    if (part !== "" && part !== "/ShelvingState") return null;
    const method = methodOf(methodId, condition);
    if (method === undefined) return Promise.resolve({ statusCode: StatusCodes.BadMethodInvalid });
    return call(condition, method, inputArguments ?? [], sessionOf(context) as ServerSession | undefined);
  };

  function ours(id: NodeId): boolean {
    return id.namespace === namespaceIndex && typeof id.value === "string";
  }

  function methodOf(id: NodeId, condition: Condition): ConditionMethod | undefined {
    if (id.namespace === 0) return byTypeId.get(Number(id.value));
    const text = String(id.value);
    if (!ours(id) || !text.startsWith(`${condition.id}/`)) return undefined;
    return byName.get(text.slice(condition.id.length + 1).replace(/^ShelvingState\//, ""));
  }

  async function call(
    { id }: Condition,
    method: ConditionMethod,
    inputs: readonly Variant[],
    session: ServerSession | undefined,
  ): Promise<CallMethodResultOptions> {
    const wrong = judgeInputs(method.inputs, inputs);
    if (wrong !== null) return wrong;
    if (session === undefined) return { statusCode: StatusCodes.BadUserAccessDenied };
    const params = method.params(inputs);
    if (params instanceof StatusCode) return { statusCode: params };
    const answer = await operations.call(method.operation, { id, ...params }, callerOf(session), signal);
    return {
      statusCode: statusOf(answer),
      inputArgumentResults: inputs.map(() => StatusCodes.Good),
      outputArguments: [],
    };
  }
}

/** The status code of OPC 10000-9 for what an operation on an alarm answered. */
export function statusOf(answer: OperationAnswer): StatusCode {
  if (answer.ok) return StatusCodes.Good;
  const { reason } = (answer.details ?? {}) as { reason?: AlarmRefusal };
  return (reason === undefined ? undefined : refusals[reason]) ?? errors[answer.code] ?? StatusCodes.BadInternalError;
}

/** What is wrong with the arguments (OPC 10000-4 §5.12.2); `null`: nothing. */
function judgeInputs(wanted: readonly DataType[], inputs: readonly Variant[]): CallMethodResultOptions | null {
  if (inputs.length < wanted.length) return { statusCode: StatusCodes.BadArgumentsMissing };
  if (inputs.length > wanted.length) return { statusCode: StatusCodes.BadTooManyArguments };
  const results = inputs.map((input, i) => fits(input, wanted[i]) ? StatusCodes.Good : StatusCodes.BadTypeMismatch);
  if (results.every((result) => result === StatusCodes.Good)) return null;
  return { statusCode: StatusCodes.BadInvalidArgument, inputArgumentResults: results };
}

function fits({ dataType, arrayType }: Variant, wanted: DataType | undefined): boolean {
  if (arrayType !== VariantArrayType.Scalar) return false;
  // an event id or a comment may be null
  return dataType === wanted || (dataType === DataType.Null && wanted !== Double);
}

/** A comment without text leaves the one before alone (§5.5.6); one that is too long is cut rather than refused. */
function commentOf(comment: Variant | undefined): { comment?: string } {
  const text = (comment?.value as LocalizedText | null | undefined)?.text?.trim().slice(0, LONGEST_COMMENT).trim() ??
    "";
  return text === "" ? {} : { comment: text };
}

function shelvingTime(ms: Variant | undefined): { seconds: number } | StatusCode {
  const value = Number(ms?.value);
  if (!(value > 0 && value <= MAX_SHELVED_MS)) return StatusCodes.BadShelvingTimeOutOfRange;
  return { seconds: value / 1000 };
}
