import type { RemoteConfig } from "../config/schema.ts";
import { judgeCall } from "./judge_call.ts";
import { isOperation, operations } from "./operations.ts";
import type { Role } from "./roles.ts";

/** A call that somebody wonders about. */
export interface CallQuestion {
  readonly operation: string;
  /** `null`: somebody who is not logged in. */
  readonly role: Role | null;
  /** IP address without port, or `local`. */
  readonly address: string;
  readonly target: string | null;
  readonly remote: RemoteConfig;
  readonly debugOpen: boolean;
}

/** What would become of the call, by which rule, and what would change it. */
export interface CallAnswer {
  readonly allowed: boolean;
  /** Stable id of the rule that decided. */
  readonly rule: string;
  readonly text: string;
  /** What would make a denied call possible; `null` for an allowed one. */
  readonly fix: string | null;
}

/** Answers as the dispatcher would decide: by {@link judgeCall}, with the table's entry of the operation. */
export function explainCall(question: CallQuestion): CallAnswer {
  const { operation } = question;
  const decision = judgeCall({ ...question, rule: isOperation(operation) ? operations[operation] : null });
  return decision.allowed
    ? { allowed: true, rule: decision.rule, text: decision.text, fix: null }
    : { allowed: false, rule: decision.rule, text: decision.text, fix: decision.fix };
}
