import type { Caller } from "../../src/access/principal.ts";
import type { OperationAnswer, Operations } from "../../src/operations/operation.ts";
import { operationSchemas } from "../../src/operations/schemas/operation_schemas.ts";
import { isOperation, type OperationName, operations } from "../../src/policy/operations.ts";
import { roleIncludes } from "../../src/policy/roles.ts";

/** A call that reached the operations. */
export interface Call {
  readonly name: string;
  readonly params: unknown;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** Operations that judge the role by the table, take any parameters, do nothing, and answer with the parameters they were called with. */
export class EchoOperations implements Operations {
  readonly calls: Call[] = [];
  /** Answers in place of the echo, when set. */
  answer: ((call: Call) => OperationAnswer | Promise<OperationAnswer>) | null = null;

  list() {
    return (Object.keys(operations) as OperationName[]).map((name) => ({
      name,
      ...operations[name],
      ...operationSchemas[name],
    }));
  }

  async call(name: string, params: unknown, caller: Caller, signal: AbortSignal): Promise<OperationAnswer> {
    const call = { name, params, caller, signal };
    this.calls.push(call);
    const role = isOperation(name) ? operations[name].role : "admin";
    if (role !== null && (caller.principal === null || !roleIncludes(caller.principal.role, role))) {
      return { ok: false, code: "permission_denied", message: `This needs the role ${role}`, auditId: "1" };
    }
    return await this.answer?.(call) ?? { ok: true, result: { name, params } };
  }
}
