import { join } from "node:path";
import type { CommandDefinition } from "../config/command_definition.ts";
import type { CommandsConfig } from "../config/schema.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import { pause } from "../telemetry/pause.ts";
import { CommandDesk } from "./command_desk.ts";
import { CommandStore } from "./command_store.ts";
import type { Commands } from "./commands.ts";
import { type LaneTiming, laneTiming } from "./lane_parts.ts";

/** What the way down needs. */
export interface CommandsOptions {
  readonly config: CommandsConfig;
  /** Folder of `commands.db`. */
  readonly dataDir: string;
  readonly definitions: readonly CommandDefinition[];
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly nowUs: () => number;
  /** Waits that tests shorten. */
  readonly timing?: Partial<LaneTiming>;
}

/**
 * Opens the command store and takes up what has not ended; nothing is sent before {@link Commands.connect}. Never fails
 * for the state of the disk: while the store cannot be written, commands are refused as `unavailable` and the fault
 * `command_store_failed` says why.
 */
export function openCommands(
  { config, dataDir, definitions, faults, feed, nowUs, timing }: CommandsOptions,
): Commands {
  return new CommandDesk({
    config,
    definitions,
    openStore: () => CommandStore.open(join(dataDir, "commands.db"), nowUs),
    faults,
    feed,
    nowUs,
    elapsedUs: () => performance.now() * 1000,
    pause,
    timing: { ...laneTiming, ...timing },
    newId: () => crypto.randomUUID(),
  });
}
