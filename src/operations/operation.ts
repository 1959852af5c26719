import type { z } from "zod";
import type { Caller } from "../access/principal.ts";
import type { OperationName, OperationRule } from "../policy/operations.ts";

/** Stable codes of refused operations. */
export const operationErrorCodes = [
  "bad_request",
  "bad_params",
  "unauthenticated",
  "permission_denied",
  "throttled",
  "unknown_operation",
  "debug_locked",
  "not_found",
  "conflict",
  "not_configured",
  "target_unreachable",
  "stale_data",
  "timeout",
  "too_large",
  "too_many",
  "config_refused",
  "unavailable",
  "cancelled",
  "internal",
] as const;

export type OperationErrorCode = typeof operationErrorCodes[number];

/** Thrown by an operation that refuses. The message goes to the caller: what was attempted and why not, no internals. */
export class OperationError extends Error {
  override readonly name = "OperationError";

  constructor(
    readonly code: OperationErrorCode,
    message: string,
    readonly more: {
      readonly field?: string | undefined;
      readonly fix?: string | undefined;
      readonly retryAfterMs?: number | undefined;
      /** Further facts for programs: findings of a refused configuration, denial codes of a preflight. */
      readonly details?: unknown;
    } = {},
  ) {
    super(message);
  }
}

/** What an operation is called with besides its parameters. */
export interface CallContext {
  readonly caller: Caller;
  /** Aborted when the caller is gone, cancels, or its credential ends. */
  readonly signal: AbortSignal;
  /** Names what the call acts on, for the audit record. */
  target(name: string): void;
  /** Adds a field to the audit record. Never a secret. */
  note(field: string, value: string | number | boolean | readonly string[]): void;
}

/** An operation with one answer. */
export interface SimpleOperation<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  readonly name: OperationName;
  readonly params: P;
  readonly result: R;
  readonly run: (params: z.output<P>, context: CallContext) => Promise<z.input<R>> | z.input<R>;
}

/** An operation that goes on until it is cancelled; `result` is the shape of one item. */
export interface StreamOperation<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  readonly name: OperationName;
  readonly params: P;
  readonly result: R;
  readonly stream: (params: z.output<P>, context: CallContext) => AsyncIterable<z.input<R>>;
}

export type Operation = SimpleOperation | StreamOperation;

/** Gives an operation its parameter and result types from its schemas. */
export function operation<P extends z.ZodType, R extends z.ZodType>(
  definition: SimpleOperation<P, R> | StreamOperation<P, R>,
): Operation {
  return definition as unknown as Operation;
}

/** A refused call. */
export interface OperationRefusal {
  readonly ok: false;
  readonly code: OperationErrorCode;
  readonly message: string;
  readonly field?: string;
  readonly fix?: string;
  readonly retryAfterMs?: number;
  readonly details?: unknown;
  readonly auditId?: string;
}

export type OperationAnswer =
  | { readonly ok: true; readonly result: unknown; readonly auditId?: string }
  /** Many items; the iteration ends with the stream, and throws {@link OperationError} when it breaks. */
  | { readonly ok: true; readonly items: AsyncIterable<unknown>; readonly auditId?: string }
  | OperationRefusal;

/** A registered operation, for help, OpenAPI and docs. */
export interface RegisteredOperation extends OperationRule {
  readonly name: OperationName;
  readonly params: z.ZodType;
  readonly result: z.ZodType;
}

/**
 * The one door through which everything that can be done is done: looks the operation up, judges the caller, checks the
 * parameters, runs it, writes the audit record. Web and control are two ways to reach it.
 */
export interface Operations {
  list(): readonly RegisteredOperation[];
  /** Never throws. */
  call(name: string, params: unknown, caller: Caller, signal: AbortSignal): Promise<OperationAnswer>;
}
