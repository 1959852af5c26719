import { dirname, join } from "node:path";
import { localPrincipal } from "../access/principal.ts";
import type { Access, AccessSettings } from "../access/access.ts";
import { takeDataLock } from "../access/data_lock.ts";
import { openAccess } from "../access/open_access.ts";
import { openAudit } from "../audit/open_audit.ts";
import { recordCall } from "../operations/call_record.ts";
import { callTargets } from "../operations/call_targets.ts";
import type { ClientCertificates } from "../operations/client_certificates.ts";
import { accessOperations } from "../operations/handlers/access_operations.ts";
import { listOperation, opcuaPkiOperations } from "../operations/handlers/pki_operations.ts";
import type { CallContext } from "../operations/operation.ts";
import { refusalOf } from "../operations/refusal_of.ts";
import type { AuditValue } from "../audit/audit.ts";
import { isOperation, operations as rules } from "../policy/operations.ts";
import { EventFeed } from "../telemetry/event_feed.ts";
import { FaultBoard } from "../telemetry/fault_board.ts";

/** A refusal, with the code that the control endpoint would give. */
export class OfflineRefusal extends Error {
  override readonly name = "OfflineRefusal";

  constructor(readonly code: string, message: string, readonly fix: string | null) {
    super(message);
  }
}

/** The data folder cannot be used by this user. */
export class DataFolderError extends Error {
  override readonly name = "DataFolderError";
}

/** The stores of a gateway that does not run. */
export interface OfflineAccess {
  /** As through the control endpoint, by the principal `local`. Rejects with {@link OfflineRefusal}. */
  call(name: string, params: unknown): Promise<unknown>;
  /** What is wrong with the stores, in words, for people. */
  warnings(): readonly string[];
  close(): Promise<void>;
}

/**
 * Opens users, tokens and audit of the gateway whose data is in the folder. `null` while that gateway runs.
 *
 * @param certificates opens those of its OPC UA server; asked by the first call about them
 * @throws {DataFolderError}
 */
export async function openOffline(
  dataDir: string,
  settings: AccessSettings,
  certificates: () => Promise<ClientCertificates | null> = () => Promise.resolve(null),
): Promise<OfflineAccess | null> {
  await prepareFolder(dataDir);
  const lock = await takeDataLock(dataDir).catch((error: unknown) => {
    throw new DataFolderError(`Cannot use ${dataDir}: ${textOf(error)}`);
  });
  if (lock === null) return null;
  const nowUs = () => Date.now() * 1000;
  const faults = new FaultBoard(nowUs);
  const stack = new AsyncDisposableStack();
  stack.defer(() => lock.release());
  try {
    const audit = await openAudit({ dir: join(dataDir, "audit"), faults, nowUs });
    stack.defer(() => audit.stop());
    const access = await openAccess({ dataDir, settings, faults, feed: new EventFeed(nowUs), nowUs });
    stack.defer(() => access.stop());
    const call = caller(access, certificates, (record) => void recordCall(audit, record));
    return {
      call,
      warnings: () => faults.list().map(({ title, detail }) => `${title}: ${detail}`),
      close: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw new DataFolderError(`Cannot use ${dataDir}: ${textOf(error)}`);
  }
}

type Record = Parameters<typeof recordCall>[1];

function caller(
  access: Access,
  openCertificates: () => Promise<ClientCertificates | null>,
  record: (entry: Record) => void,
): OfflineAccess["call"] {
  let certificates: ClientCertificates | null = null;
  const parts = { access, clientCertificates: () => certificates, pageUrls: () => [] };
  const all = new Map(
    [...accessOperations(parts), ...opcuaPkiOperations(parts), listOperation(parts, () => null)].map((
      operation,
    ) => [operation.name, operation]),
  );
  const origin = { transport: "cli", address: "local", principal: localPrincipal } as const;
  return async (name, params) => {
    const operation = isOperation(name) ? all.get(name) : undefined;
    if (!isOperation(name) || operation === undefined || !("run" in operation)) {
      throw new OfflineRefusal("not_configured", `${name} needs a gateway that runs`, "Start it: edgekeep run");
    }
    const fields: { [field: string]: AuditValue } = {};
    // commands need a gateway that runs, so none of them comes here
    const targets = callTargets(name, params, origin, { named: () => "", sent: () => null });
    let target = targets[0] ?? null;
    const context: CallContext = {
      caller: origin,
      signal: new AbortController().signal,
      target: (given) => target = given,
      note: (field, value) => fields[field] = value,
    };
    const settle = (outcome: string) => {
      if (!rules[name].writes) return;
      record({ operation: name, caller: origin, target, decision: "allowed", rule: null, outcome, fields });
    };
    const parsed = operation.params.safeParse(params);
    if (!parsed.success) {
      settle("bad_params");
      const [issue] = parsed.error.issues;
      throw new OfflineRefusal("bad_params", `${issue?.path.join(".") ?? name}: ${issue?.message ?? "wrong"}`, null);
    }
    // opening them makes folders and a key, which nobody wants who only adds a user
    if (name.startsWith("pki.")) certificates ??= await openCertificates();
    try {
      const result: unknown = await operation.run(parsed.data, context);
      settle("ok");
      return result;
    } catch (error) {
      const refusal = refusalOf(name, error, context.signal);
      settle(refusal.code);
      throw new OfflineRefusal(refusal.code, refusal.message, refusal.fix ?? null);
    }
  };
}

/** Files of another user's gateway, made by root, would shut that gateway out of its own stores. */
async function prepareFolder(dataDir: string): Promise<void> {
  try {
    // a folder that is still to be made belongs to whoever owns the place for it
    const { uid } = await Deno.stat(dataDir).catch(() => Deno.stat(dirname(dataDir)));
    if (Deno.uid() !== 0 || uid === null || uid === 0) {
      await Deno.mkdir(dataDir, { recursive: true, mode: 0o750 });
      return;
    }
    throw new DataFolderError(
      `Cannot change ${dataDir} as root, as it is another user's and the gateway could not open the files then: start ` +
        `the gateway, or run this as its user: sudo -u '#${uid}' edgekeep …`,
    );
  } catch (error) {
    if (error instanceof DataFolderError) throw error;
    throw new DataFolderError(`Cannot use ${dataDir}: ${textOf(error)}`);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
