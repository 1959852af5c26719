import type { RemoteConfig } from "../config/schema.ts";
import { type CallDenial, judgeCall } from "./judge_call.ts";
import { isOperation, operations } from "./operations.ts";
import type { Role } from "./roles.ts";

/** An action that somebody thinks of. The role is the authenticated caller's and never comes from the request's body. */
export interface PreflightRequest {
  readonly operation: string;
  readonly target: string | null;
  readonly role: Role | null;
  /** IP address without port, or `local`. */
  readonly address: string;
  /** Greatest age of the target's newest value that the action may be decided upon, ms; `null`: any. */
  readonly maxAgeMs: number | null;
}

/** What is known of the target at this moment. */
export interface TargetFacts {
  /** Whether the configuration has it, switched on. */
  readonly configured: boolean;
  /** Whether the way to it is open: its source is connected, its device is heard. */
  readonly reachable: boolean;
  /** Age of its newest value, ms; `null`: there has never been one. */
  readonly ageMs: number | null;
  /** Age from which its value counts as stale, ms; `null`: it has no such age. */
  readonly staleAfterMs: number | null;
  /** What stands in the way of a change, as `it is forced by anna`; `null`: nothing does. */
  readonly conflict: string | null;
}

/** The state of the gateway that decides. */
export interface PreflightFacts {
  readonly remote: RemoteConfig;
  readonly debugOpen: boolean;
  /** `null` for an action without a target; `timeout` when it was not found out in time. */
  readonly target: TargetFacts | "timeout" | null;
}

/** Why an action would not work. Stable. */
export type PreflightCode =
  | CallDenial
  | "not_configured"
  | "target_unreachable"
  | "stale_data"
  | "timeout"
  | "conflict";

/** One reason, with what to do about it. */
export interface PreflightDenial {
  readonly code: PreflightCode;
  readonly text: string;
  readonly remedy: string;
}

/** Whether the action could be sent now. Nothing is sent. */
export interface PreflightAnswer {
  readonly allowed: boolean;
  /** All reasons at once; empty when it is allowed. */
  readonly denials: readonly PreflightDenial[];
}

/**
 * Whether an action would be allowed and could work now. What is wrong with the target is told only to somebody who may
 * act on it: to others a refusal must not say what exists.
 */
export function preflight(request: PreflightRequest, { remote, debugOpen, target }: PreflightFacts): PreflightAnswer {
  const { operation } = request;
  const decision = judgeCall({
    ...request,
    rule: isOperation(operation) ? operations[operation] : null,
    debugOpen,
    remote,
  });
  if (!decision.allowed) {
    return { allowed: false, denials: [{ code: decision.code, text: decision.text, remedy: decision.fix }] };
  }
  const denials = target === null ? [] : [...targetDenials(request, target)];
  return { allowed: denials.length === 0, denials };
}

function* targetDenials(
  { operation, target: name, maxAgeMs }: PreflightRequest,
  target: TargetFacts | "timeout",
): Generator<PreflightDenial> {
  const what = name ?? "The target";
  if (target === "timeout") {
    yield {
      code: "timeout",
      text: `Whether ${what} can take ${operation} was not found out in time`,
      remedy: "Ask again; if it stays so, look at the gateway's faults",
    };
    return;
  }
  if (!target.configured) {
    yield {
      code: "not_configured",
      text: `${what} is not in the configuration, or is switched off there`,
      remedy: "Check the name: `edgekeep ctl tags.list` shows what there is; else add it to [[application]]",
    };
    return;
  }
  if (!target.reachable) {
    yield {
      code: "target_unreachable",
      text: `${what} cannot be reached now`,
      remedy: "Look at the source's state and the device's last uplink: `edgekeep ctl status`",
    };
  }
  const limitMs = maxAgeMs ?? target.staleAfterMs;
  if (limitMs !== null && (target.ageMs === null || target.ageMs > limitMs)) {
    const age = target.ageMs === null ? "has no value yet" : `is ${Math.round(target.ageMs / 1000)} s old`;
    yield {
      code: "stale_data",
      text: `The newest value of ${what} ${age}: at most ${Math.round(limitMs / 1000)} s are asked for`,
      remedy: "Wait for the next uplink, or allow a greater age",
    };
  }
  if (target.conflict !== null) {
    yield { code: "conflict", text: `${what} cannot take ${operation}: ${target.conflict}`, remedy: "Undo that first" };
  }
}
