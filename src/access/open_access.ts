import { randomBytes } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { Access, AccessSettings } from "./access.ts";
import { AccessService } from "./access_service.ts";
import { defaultCost, type HashCost } from "./password_hash.ts";
import { AccessStore } from "./store.ts";
import { type OpenedStore, openStoreFile } from "./store_file.ts";

const log = getLogger(["edgekeep", "access"]);

/** What the store of credentials needs. */
export interface AccessOptions {
  /** Folder of `access.db` and `setup-code`; made when missing. */
  readonly dataDir: string;
  readonly settings: AccessSettings;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  /** The clock, µs since the epoch. */
  readonly nowUs: () => number;
  /** Where secrets come from. Default: the operating system. */
  readonly random?: (bytes: number) => Uint8Array;
  /** What password hashes cost. Default: {@link defaultCost}. */
  readonly hashCost?: HashCost;
}

/**
 * Opens the store of credentials. Never fails for the state of the disk: a store that cannot be used lets nobody in whom
 * only it knows, and the fault `access_store_damaged` tells it.
 */
export async function openAccess(options: AccessOptions): Promise<Access> {
  const opened = openStoreFile(options.dataDir, options.nowUs());
  try {
    return await start(options, opened);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return await start(options, { db: null, readOnly: null, damage: `The store cannot be read: ${reason}` });
  }
}

async function start(options: AccessOptions, opened: OpenedStore): Promise<Access> {
  const { faults, feed, random = (bytes) => randomBytes(bytes), hashCost = defaultCost } = options;
  const store = new AccessStore(opened, faults);
  try {
    const kept = store.meta("key");
    const key = kept ?? random(32);
    if (kept === null) store.writeOrKeep((writer) => writer.putMeta("key", key));
    const marked = store.meta("damaged");
    const damage = opened.damage ?? (marked === null ? null : new TextDecoder().decode(marked));
    if (damage !== null) {
      // the next start must know it too: a new store is empty, and empty must not mean unclaimed
      if (marked === null) store.writeOrKeep((writer) => writer.putMeta("damaged", new TextEncoder().encode(damage)));
      faults.raise("access_store_damaged", damage);
      feed.add("error", "access_store_damaged", "gateway", damage);
      log.error("The store of users and tokens is lost: {reason}", { event: "access_store_damaged", reason: damage });
    }
    return await AccessService.start({ ...options, random, hashCost, store, key, damage });
  } catch (error) {
    store.close();
    throw error;
  }
}
