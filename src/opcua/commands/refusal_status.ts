import { type StatusCode, StatusCodes } from "node-opcua";
import type { CommandRefusal } from "../../commands/commands.ts";
import type { OperationErrorCode, OperationRefusal } from "../../operations/operation.ts";

const byReason: Readonly<Record<CommandRefusal, StatusCode>> = {
  unknown_device: StatusCodes.BadNotFound,
  unknown_command: StatusCodes.BadNotFound,
  disabled: StatusCodes.BadOutOfService,
  missing_argument: StatusCodes.BadArgumentsMissing,
  unknown_argument: StatusCodes.BadTooManyArguments,
  wrong_type: StatusCodes.BadTypeMismatch,
  out_of_range: StatusCodes.BadOutOfRange,
  not_in_values: StatusCodes.BadOutOfRange,
  too_many: StatusCodes.BadTooManyOperations,
  key_reused: StatusCodes.BadEntryExists,
  unavailable: StatusCodes.BadResourceUnavailable,
};

const byCode: Partial<Record<OperationErrorCode, StatusCode>> = {
  bad_request: StatusCodes.BadInvalidArgument,
  bad_params: StatusCodes.BadOutOfRange,
  unauthenticated: StatusCodes.BadUserAccessDenied,
  permission_denied: StatusCodes.BadUserAccessDenied,
  throttled: StatusCodes.BadUserAccessDenied,
  not_found: StatusCodes.BadNotFound,
  conflict: StatusCodes.BadInvalidState,
  not_configured: StatusCodes.BadNotFound,
  target_unreachable: StatusCodes.BadNoCommunication,
  timeout: StatusCodes.BadTimeout,
  too_large: StatusCodes.BadOutOfRange,
  too_many: StatusCodes.BadTooManyOperations,
  unavailable: StatusCodes.BadResourceUnavailable,
  cancelled: StatusCodes.BadRequestCancelledByClient,
};

/** The status code that says best why an operation of commands was refused. */
export function refusalStatus({ code, details }: OperationRefusal): StatusCode {
  const reason = reasonOf(details);
  return (reason === null ? undefined : byReason[reason]) ?? byCode[code] ?? StatusCodes.BadInternalError;
}

/** Whether the refusal is about what was given for the command's arguments. */
export function isAboutArguments({ code, details }: OperationRefusal): boolean {
  const reason = reasonOf(details);
  return reason === null
    ? code === "bad_params"
    : ["missing_argument", "unknown_argument", "wrong_type", "out_of_range", "not_in_values"].includes(reason);
}

function reasonOf(details: unknown): CommandRefusal | null {
  const reason = (details as { reason?: unknown } | null | undefined)?.reason;
  return typeof reason === "string" && Object.hasOwn(byReason, reason) ? reason as CommandRefusal : null;
}
