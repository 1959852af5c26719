import { preflight, type TargetFacts } from "../../policy/preflight.ts";
import type { Tag } from "../../tags/tag.ts";
import { answers } from "../define.ts";
import type { Operation } from "../operation.ts";
import type { OperationParts } from "../operation_parts.ts";
import { findTag, isHeard } from "./tag_operations.ts";

/** Whether an action on a target would be allowed and could work now. */
export function preflightOperation(parts: OperationParts): Operation {
  const { debug } = parts;
  return answers("remote.preflight", ({ operation, target, maxAgeSeconds }, { caller }) => {
    const { allowed, denials } = preflight({
      operation,
      target: target ?? null,
      // never from the parameters
      role: caller.principal?.role ?? null,
      address: caller.address,
      maxAgeMs: maxAgeSeconds === undefined ? null : maxAgeSeconds * 1000,
    }, {
      remote: parts.config().runtime.remote,
      debugOpen: debug.isOpen(),
      target: target !== undefined && actsOnTag(operation, target) ? targetFacts(parts, operation, target) : null,
    });
    return { allowed, denials: [...denials] };
  });
}

function actsOnTag(operation: string, target: string): boolean {
  return operation.startsWith("tags.") || target.includes("/");
}

function targetFacts(parts: OperationParts, operation: string, target: string): TargetFacts {
  const { tags, status, nowUs } = parts;
  const tag = findTag(tags, target);
  const none = { configured: false, reachable: false, ageMs: null, staleAfterMs: null, conflict: null };
  if (tag === undefined || !tag.definition.enabled) return none;
  const connected = status().sources.some(({ state }) => state === "connected" || state === "degraded");
  const by = operation === "tags.unforce" ? null : tags.forced().find(({ id }) => id === tag.id)?.by ?? null;
  return {
    configured: true,
    reachable: connected && isHeard(tags, tag.definition.group),
    ageMs: ageMs(tag, nowUs()),
    staleAfterMs: tags.staleAfterMs(tag),
    conflict: by === null ? null : `it is forced by ${by}`,
  };
}

function ageMs({ sourceTimeUs }: Tag, nowUs: number): number | null {
  return sourceTimeUs === 0 ? null : Math.max(0, (nowUs - sourceTimeUs) / 1000);
}
