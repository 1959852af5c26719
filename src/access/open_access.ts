import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { Access, AccessSettings } from "./access.ts";

/** What the store of credentials needs. */
export interface AccessOptions {
  /** Folder of `access.db` and `setup-code`; made when missing. */
  readonly dataDir: string;
  readonly settings: AccessSettings;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  /** The clock, µs since the epoch. */
  readonly nowUs: () => number;
}

/** Opens the store of credentials. */
export function openAccess(options: AccessOptions): Promise<Access> {
  return Promise.reject(new Error(`Cannot open the credentials in '${options.dataDir}'`));
}
