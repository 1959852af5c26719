import { isLoopback } from "../config/address.ts";
import type { RemoteConfig } from "../config/schema.ts";
import { allowsWrite } from "./allow_write.ts";
import type { OperationRule } from "./operations.ts";
import { type Role, roleIncludes } from "./roles.ts";

/** A call as far as it matters for whether it may happen. */
export interface Call {
  readonly operation: string;
  /** The operation's entry in the table; `null`: there is none. */
  readonly rule: OperationRule | null;
  /** Of whoever calls; `null` for somebody unknown. */
  readonly role: Role | null;
  /** The peer's IP address without port; `local` for a unix socket, the command line and signals. */
  readonly address: string;
  /** Whether debug operations are open now. */
  readonly debugOpen: boolean;
  readonly remote: RemoteConfig;
  /** What the call acts on; `null` when it names nothing. */
  readonly target: string | null;
}

/** Why a call is denied, for programs. */
export type CallDenial = "unauthenticated" | "permission_denied" | "debug_locked" | "unknown_operation";

/** What became of a call. `rule` is stable, for the audit; `text` and `fix` are for people. */
export type CallDecision =
  | { readonly allowed: true; readonly rule: string; readonly text: string }
  | {
    readonly allowed: false;
    readonly code: CallDenial;
    readonly rule: string;
    readonly text: string;
    readonly fix: string;
  };

/**
 * Writes by which somebody becomes known or only narrows what is open: profile wan does not deny them to other machines.
 */
const exemptFromWan: ReadonlySet<string> = new Set(["pair.claim", "setup.claim", "users.password", "debug.lock"]);

/**
 * Whether a call may happen: the one decision behind the dispatcher and `edgekeep explain`. An operation that is not in
 * the table is refused as if it needed an admin, so that only an admin learns which ones exist.
 */
export function judgeCall({ operation, rule, role, address, debugOpen, remote, target }: Call): CallDecision {
  const needs = rule === null ? "admin" : rule.role;
  if (needs !== null && role === null) {
    return {
      allowed: false,
      code: "unauthenticated",
      rule: "needs_login",
      text: `${operation} needs the role ${needs}, and nobody is logged in`,
      fix: "Log in, or send a token",
    };
  }
  if (needs !== null && role !== null && !roleIncludes(role, needs)) {
    return {
      allowed: false,
      code: "permission_denied",
      rule: "needs_role",
      text: `${operation} needs the role ${needs}: current role is ${role}`,
      fix: `Ask an admin for the role ${needs}, or for a token that has it`,
    };
  }
  if (rule === null) {
    return {
      allowed: false,
      code: "unknown_operation",
      rule: "unknown_operation",
      text: `There is no operation ${operation}`,
      fix: "`edgekeep ctl --help` lists the operations",
    };
  }
  if (rule.debug && !debugOpen) {
    return {
      allowed: false,
      code: "debug_locked",
      rule: "debug_locked",
      text: `${operation} is a debug operation, and debugging is locked`,
      fix: "An admin opens it for a while: edgekeep ctl debug.unlock minutes=15",
    };
  }
  if (rule.writes && remote.profile === "wan" && !isHere(address) && !exemptFromWan.has(operation)) {
    const entry = remote.allow_write.find((pattern) => allowsWrite(pattern, operation, target));
    if (entry === undefined) {
      return {
        allowed: false,
        code: "permission_denied",
        rule: "wan_denies_writes",
        text: `Profile wan denies changes from other machines: ${operation}${target === null ? "" : ` on ${target}`}`,
        fix: `Do it on the gateway itself, or name it: [runtime.remote].allow_write = ["${operation}:${
          target ?? "*"
        }"]`,
      };
    }
    return { allowed: true, rule: "wan_allow_write", text: `${entry} in [runtime.remote].allow_write allows it` };
  }
  return needs === null
    ? { allowed: true, rule: "open_to_all", text: `Anybody may call ${operation}` }
    : { allowed: true, rule: "role", text: `${operation} needs the role ${needs}: current role is ${role}` };
}

/** Whether the call comes from this machine. */
function isHere(address: string): boolean {
  return address === "local" || isLoopback(address);
}
