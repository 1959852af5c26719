import { formatKeyPath } from "../../config/key_path.ts";
import { explainCall } from "../../policy/explain.ts";
import { firewallChecklist } from "../../policy/firewall.ts";
import { preflight, type TargetFacts } from "../../policy/preflight.ts";
import type { Tag } from "../../tags/tag.ts";
import { formatTime, formatTimeOrNull } from "../../telemetry/time_text.ts";
import { answers } from "../define.ts";
import { type Operation, OperationError } from "../operation.ts";
import type { OperationParts } from "../operation_parts.ts";
import type { SessionEntry } from "../session_source.ts";
import { pkiOperations } from "./pki_operations.ts";
import { findTag, isHeard } from "./tag_operations.ts";

/** What guards the gateway: certificates, sessions, audit, policy; and backups. */
export function guardOperations(parts: OperationParts): Operation[] {
  const { audit, backups, debug, sessions } = parts;
  return [
    ...pkiOperations(parts),
    answers("sessions.list", () => ({
      sessions: sessions.flatMap((source) => source.list()).sort((a, b) => b.createdUs - a.createdUs).map(viewSession),
    })),
    answers("sessions.close", ({ id }, { note }) => {
      const entry = sessions.flatMap((source) => source.list()).find((one) => one.id === id);
      if (entry?.name) note("session_of", entry.name);
      if (!sessions.some((source) => source.close(id))) {
        throw new OperationError("not_found", `There is no session '${id}'`, { field: "id" });
      }
      return {};
    }),
    answers("audit.tail", async (query) => ({
      records: (await audit.tail(query)).map(({ fields, ...record }) =>
        fields === undefined ? record : { ...record, fields: mutableFields(fields) }
      ),
    })),
    answers("audit.verify", () => audit.verify()),
    answers("backup.create", async (_, { note }) => {
      const { file, bytes } = await backups.create();
      note("file", file);
      return { file, bytes };
    }),
    answers("backup.list", async () => ({
      backups: (await backups.list()).map(({ file, bytes, createdUs }) => ({
        file,
        bytes,
        created: formatTime(createdUs),
      })),
    })),
    answers("policy.exposure", async () => {
      const { exposures, findings } = await parts.exposure();
      return {
        exposures: exposures.map((exposure) => ({ ...exposure, authentication: [...exposure.authentication] })),
        findings: findings.map(({ rule, severity, at, text, fix }) => (
          { rule, severity, path: formatKeyPath(at), text, fix }
        )),
        firewall: firewallChecklist(exposures),
      };
    }),
    answers("policy.explain", ({ operation, role, address, target }, { caller }) =>
      explainCall({
        operation,
        role: role === "nobody" ? null : role ?? caller.principal?.role ?? null,
        address: address ?? caller.address,
        target: target ?? null,
        remote: parts.config().runtime.remote,
        debugOpen: debug.isOpen(),
      })),
    answers("remote.preflight", ({ operation, target, maxAgeSeconds }, { caller }) => {
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
    }),
  ];
}

function viewSession({ createdUs, lastUsedUs, expiresUs, ...session }: SessionEntry) {
  const { id, kind, name, role, address, client } = session;
  return {
    id,
    kind,
    name,
    role,
    address,
    client,
    created: formatTime(createdUs),
    lastUsed: formatTimeOrNull(lastUsedUs),
    expires: formatTimeOrNull(expiresUs),
  };
}

function mutableFields(fields: Readonly<Record<string, string | number | boolean | null | readonly string[]>>) {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, Array.isArray(value) ? [...value] : value as string]),
  );
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
