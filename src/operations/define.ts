import type { z } from "zod";
import type { OperationName } from "../policy/operations.ts";
import { type CallContext, type Operation, operation } from "./operation.ts";
import { type OperationSchemas, operationSchemas, type ParamsOf } from "./schemas/operation_schemas.ts";

type Answer<K extends OperationName> = z.input<OperationSchemas[K]["result"]>;

/** An operation with one answer, with its schemas. */
export function answers<K extends OperationName>(
  name: K,
  run: (params: ParamsOf<K>, context: CallContext) => Promise<Answer<K>> | Answer<K>,
): Operation {
  const { params, result } = operationSchemas[name];
  return operation<z.ZodType, z.ZodType>({ name, params, result, run: run as never });
}

/** An operation with many items, with its schemas. */
export function streams<K extends OperationName>(
  name: K,
  stream: (params: ParamsOf<K>, context: CallContext) => AsyncIterable<Answer<K>>,
): Operation {
  const { params, result } = operationSchemas[name];
  return operation<z.ZodType, z.ZodType>({ name, params, result, stream: stream as never });
}
