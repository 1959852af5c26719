import { join } from "node:path";
import type { Access } from "../access/access.ts";
import { openAccess } from "../access/open_access.ts";
import type { Audit } from "../audit/audit.ts";
import { openAudit } from "../audit/open_audit.ts";
import type { Config } from "../config/schema.ts";
import { DebugGate } from "../operations/debug_gate.ts";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import { EventFeed } from "../telemetry/event_feed.ts";
import { FaultBoard } from "../telemetry/fault_board.ts";
import { version } from "../version.ts";
import { accessSettings } from "./access_settings.ts";
import { lifeRecord } from "./audit_records.ts";
import { CertificateHolder } from "./certificate_holder.ts";
import { ownDataFolder } from "./data_folder.ts";
import { gatewayId } from "./gateway_id.ts";
import { logFaults } from "./log_faults.ts";

/** A role that ran for so long after a crash no longer mentions it. */
const CALM_MS = 3_600_000;

/** What a role with a configuration starts from. */
export interface FoundationOptions {
  readonly role: ConfiguredRole;
  /** As it is at each moment. */
  readonly config: () => Config;
  readonly restarts: number;
  readonly lastCrash: string | null;
  readonly nowUs: () => number;
}

/** What stands under every role: faults, record, credentials, certificate. */
export interface Foundation {
  /** Of this installation; in the data folder. */
  readonly id: string;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly audit: Audit;
  readonly access: Access;
  readonly debug: DebugGate;
  readonly certificate: CertificateHolder;
}

/**
 * Takes the data folder and opens what every role needs before its own parts. All of it ends with `stack`, the audit
 * behind everything that writes to it. Rejects while another process has the folder.
 */
export async function openFoundation(
  { role, config, restarts, lastCrash, nowUs }: FoundationOptions,
  stack: AsyncDisposableStack,
): Promise<Foundation> {
  const dataDir = config().gateway.data_dir;
  await Deno.mkdir(dataDir, { recursive: true, mode: 0o750 });
  stack.use(await ownDataFolder(dataDir));
  const id = await gatewayId(dataDir);

  const faults = new FaultBoard(nowUs);
  const feed = new EventFeed(nowUs);
  logFaults(faults, feed, role);
  if (restarts > 0) {
    faults.raise("worker_restarted", `Restarted ${restarts} times; the last reason: ${lastCrash ?? "unknown"}`);
    const calm = setTimeout(() => faults.clear("worker_restarted"), CALM_MS);
    stack.defer(() => clearTimeout(calm));
  }

  const audit = await openAudit({ dir: join(dataDir, "audit"), faults, nowUs });
  stack.defer(() => audit.stop());
  audit.record(lifeRecord("process_started", { version, restarts }));
  stack.defer(() => void audit.record(lifeRecord("process_stopped")));
  const access = await openAccess({ dataDir, settings: accessSettings(config(), role), faults, feed, nowUs });
  stack.defer(() => access.stop());
  const debug = new DebugGate(() => config().runtime.control, nowUs, feed, faults);
  stack.defer(() => debug.stop());
  const certificate = new CertificateHolder(faults, feed, nowUs);
  stack.defer(() => certificate.stop());
  await certificate.take(config());
  return { id, faults, feed, audit, access, debug, certificate };
}
