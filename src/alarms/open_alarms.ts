import type { AlarmDefinition } from "../config/alarm_definition.ts";
import type { AlarmsConfig, StorageConfig } from "../config/schema.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import { AlarmEngine } from "./alarm_engine.ts";
import type { Alarms } from "./alarms.ts";

/** What the alarms need from outside. */
export interface AlarmsOptions {
  readonly config: AlarmsConfig & Pick<StorageConfig, "synchronous">;
  /** `alarms.db` lies there. Absolute. */
  readonly dataDir: string;
  readonly definitions: readonly AlarmDefinition[];
  readonly tags: TagStore;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly nowUs: () => number;
  /** Time between two looks at the clock, ms; 500 unless told. */
  readonly sweepMs?: number;
  /** A fault that is gone for so long ends its alarm, ms; 10,000 unless told. */
  readonly faultHoldMs?: number;
}

/**
 * Opens the alarms after the tags were restored: the states from before, judged by the values that there are now. A disk
 * that refuses is reported as a fault; the alarms work without it. Sources start afterwards.
 */
export function openAlarms(options: AlarmsOptions): Alarms {
  return new AlarmEngine(options);
}
