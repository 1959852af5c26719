import { formatKeyPath } from "../../config/key_path.ts";
import { explainCall } from "../../policy/explain.ts";
import { firewallChecklist } from "../../policy/firewall.ts";
import { formatTime, formatTimeOrNull } from "../../telemetry/time_text.ts";
import { answers } from "../define.ts";
import { type Operation, OperationError } from "../operation.ts";
import type { RoleParts } from "../operation_parts.ts";
import type { SessionEntry } from "../session_source.ts";
import { pkiOperations } from "./pki_operations.ts";

/** What guards a role: certificates, sessions, audit, policy. */
export function guardOperations(parts: RoleParts): Operation[] {
  const { audit, debug, sessions } = parts;
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
