import type { BatchListener } from "../../tags/tag_store.ts";
import { setLiveValue } from "./live_variable.ts";
import { setOnline } from "./online_state.ts";
import type { TagNodes } from "./tag_nodes.ts";

/**
 * Carries batches of the tag store into the variables. Each sample of a batch is its own change, so that items with
 * sampling interval 0 get every one; backfilled samples are not news and go to history alone.
 */
export function livePush(nodes: TagNodes): BatchListener {
  return (batch) => {
    for (const update of batch) {
      if (update.kind !== "live" && update.kind !== "status") continue;
      const node = nodes.get(update.tag.id);
      // a tag whose type just changed gets its new node with its value
      if (node === undefined || node.dataType !== update.tag.definition.dataType) continue;
      setLiveValue(node.variable, update, node.dataType);
      if (node.online !== null) setOnline(node.online, update);
    }
  };
}
