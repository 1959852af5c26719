import { getLogger } from "@logtape/logtape";
import type { TagUpdate } from "../../tags/tag.ts";
import type { BatchListener } from "../../tags/tag_store.ts";
import { setLiveValue } from "./live_variable.ts";
import { setOnline } from "./online_state.ts";
import type { TagNode } from "./tag_nodes.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** Failures are told so often at most, ms: they come with every sample. */
const TOLD_EVERY_MS = 10_000;

/**
 * Carries batches of the tag store into the variables. Each sample of a batch is its own change, so that items with
 * sampling interval 0 get every one; backfilled samples are not news and go to history alone. What a client's item makes
 * of a value never keeps the rest of the batch, or those who listen behind us, from theirs.
 */
export function livePush(nodes: { get(id: string): TagNode | undefined }): BatchListener {
  let toldMs = -Infinity;
  return (batch) => {
    for (const update of batch) {
      if (update.kind !== "live" && update.kind !== "status") continue;
      const node = nodes.get(update.tag.id);
      // a tag whose type just changed gets its new node with its value
      if (node === undefined || node.dataType !== update.tag.definition.dataType) continue;
      try {
        push(node, update);
      } catch (error) {
        if (performance.now() - toldMs < TOLD_EVERY_MS) continue;
        toldMs = performance.now();
        const reason = error instanceof Error ? error.message : String(error);
        log.error("Cannot hand a value of {tag} to OPC UA clients: {reason}", {
          event: "opcua_push_failed",
          tag: update.tag.id,
          reason,
        });
      }
    }
  };
}

function push(node: TagNode, update: TagUpdate): void {
  setLiveValue(node.variable, update, node.dataType);
  if (node.online !== null) setOnline(node.online, update);
}
