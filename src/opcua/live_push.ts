import type { DataTypeName, TagUpdate } from "../tags/tag.ts";
import { dataValue } from "./data_values.ts";
import type { LiveVariable } from "./library_internals.ts";
import type { TagNodes } from "./tag_nodes.ts";

/** Variables whose value is older than their tag's, and whom nobody watches: brought up to date when they are read. */
export interface LivePush {
  /** Takes a batch of the tag store. */
  push(batch: readonly TagUpdate[]): void;
}

/**
 * Carries batches of the tag store into the variables. Each sample of a batch is its own change, so that items with
 * sampling interval 0 get every one; backfilled samples are not news and go to history alone.
 */
export function livePush(nodes: TagNodes): LivePush {
  return {
    push(batch) {
      for (const update of batch) {
        if (update.kind !== "live" && update.kind !== "status") continue;
        const node = nodes.get(update.tag.id);
        if (node !== undefined) setValue(node.variable, update, node.dataType);
      }
    },
  };
}

function setValue(variable: LiveVariable, update: TagUpdate, dataType: DataTypeName): void {
  // not setValueFromSource: it clones the old value, compares and converts, which the tag store has done already
  variable.$dataValue = dataValue(update.value, update.quality, update.sourceTimeUs, update.serverTimeUs, dataType);
  if (variable.listenerCount("value_changed") > 0) {
    variable.emit("value_changed", variable.$dataValue.clone());
  }
}
