import type { z } from "zod";
import type { Caller } from "../access/principal.ts";
import type { AuditValue } from "../audit/audit.ts";
import { closest } from "../config/suggest.ts";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import { type CallDecision, judgeCall } from "../policy/judge_call.ts";
import {
  isOperation,
  type OperationName,
  type OperationRule,
  operations as rules,
  operationsOf,
} from "../policy/operations.ts";
import { recordCall } from "./call_record.ts";
import { callTargets, type CommandNames } from "./call_targets.ts";
import {
  type CallContext,
  type Operation,
  type OperationAnswer,
  OperationError,
  type OperationRefusal,
  type Operations,
  type RegisteredOperation,
} from "./operation.ts";
import type { RoleParts } from "./operation_parts.ts";
import { refusalOf } from "./refusal_of.ts";

const LONGEST_NAME = 64;

/** What a role's door is made of. */
export interface DispatchOptions {
  readonly role: ConfiguredRole;
  readonly parts: RoleParts;
  /** What does each operation that the role offers. */
  readonly operations: readonly Operation[];
  readonly commands: CommandNames;
}

interface Door extends Pick<DispatchOptions, "role" | "parts" | "commands"> {
  readonly all: ReadonlyMap<OperationName, Operation>;
}

/** Makes the one door: the operations of the table that a role offers, over the role's parts. */
export function dispatchOperations({ role, parts, operations, commands }: DispatchOptions): Operations {
  const all = new Map<OperationName, Operation>(operations.map((operation) => [operation.name, operation]));
  const list = operationsOf(role).map((name): RegisteredOperation => {
    const operation = all.get(name);
    if (operation === undefined) throw new Error(`Cannot offer '${name}' as nothing does it`);
    return { name, ...rules[name], params: operation.params, result: operation.result };
  });
  for (const name of all.keys()) {
    if (!operationsOf(role).includes(name)) {
      throw new Error(`Cannot offer '${name}' as a ${role} has no such operation`);
    }
  }
  const door = { role, parts, commands, all };
  return {
    list: () => list,
    call: async (name, params, caller, signal) => {
      try {
        return await call(door, { name, params, caller, signal });
      } catch (error) {
        return refusalOf(name.slice(0, LONGEST_NAME), error, signal);
      }
    },
  };
}

interface Call {
  readonly name: string;
  readonly params: unknown;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

async function call(
  { role, parts, commands, all }: Door,
  { name, params, caller, signal }: Call,
): Promise<OperationAnswer> {
  const { access, audit } = parts;
  const known = isOperation(name) && all.has(name) ? name : null;
  const operation = known === null ? undefined : all.get(known);
  const rule: OperationRule | null = known === null ? null : rules[known];
  const shown = name.slice(0, LONGEST_NAME);
  const targets = known === null ? [null] : callTargets(known, params, caller, commands);
  let target = targets.every((one) => one === null) ? null : targets.join(", ").slice(0, 256);

  const ended = caller.principal !== null && access.revoked(caller.principal).aborted;
  const decision = ended ? credentialEnded : judgeTargets(parts, shown, rule, caller, targets);
  if (!decision.allowed || rule === null || operation === undefined) {
    const denied = decision.allowed || decision.code === "unknown_operation" ? unknownOperation(shown, role) : decision;
    const { code } = denied;
    const recorded = recordCall(audit, {
      operation: shown,
      caller,
      target,
      decision: "denied",
      rule: denied.rule,
      outcome: code,
    });
    return { ok: false, code, message: denied.text, fix: denied.fix, ...recorded };
  }

  const fields: Record<string, AuditValue> = {};
  const context: Omit<CallContext, "signal"> = {
    caller,
    target: (given) => target = given,
    note: (field, value) => fields[field] = value,
  };
  const audited = rule.writes || rule.debug;
  const settle = (outcome: string, denied = false): { readonly auditId?: string } =>
    audited || denied
      ? recordCall(audit, {
        operation: shown,
        caller,
        target,
        decision: denied ? "denied" : "allowed",
        rule: decision.rule,
        outcome,
        fields,
      })
      : {};

  const parsed = operation.params.safeParse(params ?? {});
  if (!parsed.success) return { ...badParams(shown, parsed.error), ...settle("bad_params") };
  if ("stream" in operation) {
    const items = guarded(
      parts,
      shown,
      caller,
      signal,
      (ended) => operation.stream(parsed.data, { ...context, signal: ended }),
    );
    return { ok: true, items, ...settle("ok") };
  }
  const lifetime = lifetimeOf(parts, caller, signal);
  try {
    const result: unknown = await operation.run(parsed.data, { ...context, signal: lifetime.signal });
    return { ok: true, result, ...settle("ok") };
  } catch (error) {
    const refusal = refusalOf(shown, error, lifetime.signal);
    return { ...refusal, ...settle(refusal.code, isDenial(refusal)) };
  } finally {
    lifetime.leave();
  }
}

type Denied = Extract<CallDecision, { allowed: false }>;

const credentialEnded: Denied = {
  allowed: false,
  code: "unauthenticated",
  rule: "credential_ended",
  text: "The credential has ended",
  fix: "Log in again, or send another token",
};

function unknownOperation(name: string, role: ConfiguredRole): Denied {
  const elsewhere = isOperation(name);
  const meant = elsewhere ? null : closest(name, operationsOf(role));
  return {
    allowed: false,
    code: "unknown_operation",
    rule: "unknown_operation",
    text: elsewhere ? `There is no operation ${name} here: this is a ${role}` : `There is no operation ${name}`,
    fix: meant === null ? "`edgekeep ctl --help` lists the operations" : `Did you mean ${meant}?`,
  };
}

/** The decision about all targets: the first that is denied decides. */
function judgeTargets(
  { config, debug }: RoleParts,
  operation: string,
  rule: OperationRule | null,
  { principal, address }: Caller,
  targets: readonly (string | null)[],
): CallDecision {
  const about = {
    operation,
    rule,
    role: principal?.role ?? null,
    address,
    debugOpen: debug.isOpen(),
    remote: config().runtime.remote,
  };
  const decisions = targets.map((target) => judgeCall({ ...about, target }));
  return decisions.find(({ allowed }) => !allowed) ?? decisions[0] ?? judgeCall({ ...about, target: null });
}

/** Whether the operation itself said no, as for a wrong code. */
function isDenial({ code }: OperationRefusal): boolean {
  return code === "permission_denied" || code === "unauthenticated" || code === "throttled";
}

function badParams(name: string, error: z.ZodError): OperationRefusal {
  const [issue] = error.issues;
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const field = [...issue?.path ?? [], ...(unknown === undefined ? [] : [unknown])].map(String).join(".").slice(0, 256);
  const what = unknown === undefined ? wordsOf(issue) : "There is no such parameter";
  return {
    ok: false,
    code: "bad_params",
    message: `Cannot call ${name}${field === "" ? "" : ` as '${field}' does not fit`}: ${what.slice(0, 512)}`,
    ...(field === "" ? {} : { field }),
    fix: `docs/operations.md and \`edgekeep ctl help ${name}\` name the parameters`,
  };
}

function wordsOf(issue: z.core.$ZodIssue | undefined): string {
  // what is absent is undefined, and nothing that comes as JSON is
  if (issue?.code === "invalid_type" && issue.message.endsWith("received undefined")) return "It is missing";
  return issue?.message ?? "Invalid";
}

/** A signal that ends with the caller and with the caller's credential. */
function lifetimeOf({ access }: RoleParts, { principal }: Caller, signal: AbortSignal) {
  const controller = new AbortController();
  const revoked = principal === null ? null : access.revoked(principal);
  const sources = revoked === null ? [signal] : [signal, revoked];
  const end = () => controller.abort(new DOMException("The call ended", "AbortError"));
  // not AbortSignal.any: a credential's signal lives for long, and would keep what hangs on it
  for (const source of sources) {
    if (source.aborted) end();
    else source.addEventListener("abort", end, { once: true });
  }
  return {
    signal: controller.signal,
    revoked: () => revoked?.aborted === true,
    leave: () => {
      for (const source of sources) source.removeEventListener("abort", end);
    },
  };
}

/**
 * The items of a stream, ended when the caller is gone, and broken with `cancelled` when the caller's credential ends.
 * Nothing runs before the first item is asked for.
 */
async function* guarded(
  parts: RoleParts,
  name: string,
  caller: Caller,
  signal: AbortSignal,
  start: (signal: AbortSignal) => AsyncIterable<unknown>,
): AsyncGenerator<unknown> {
  const lifetime = lifetimeOf(parts, caller, signal);
  try {
    for await (const item of start(lifetime.signal)) {
      if (lifetime.revoked()) break;
      yield item;
    }
    if (lifetime.revoked()) throw new OperationError("cancelled", "The credential has ended");
  } catch (error) {
    const { code, message, field, fix, details } = refusalOf(name, error, lifetime.signal);
    throw new OperationError(code, message, { field, fix, details });
  } finally {
    lifetime.leave();
  }
}
