import type { NodeView } from "../mesh_answers.ts";
import { meshMessages } from "../messages/mesh_messages.ts";

const standings = { online: "good", late: "uncertain", offline: "bad" } as const;

/** Whether a node is there, in colour and words. */
export function Presence({ node }: { readonly node: Pick<NodeView, "state" | "presence" | "cosigned"> }) {
  const words = meshMessages.value.nodes;
  if (node.state === "removed") return <span class="hint">{words.removed}</span>;
  return (
    <span class={`quality quality-${standings[node.presence]}`}>
      <span class="quality-word">{words.presence[node.presence]}</span>
      {node.cosigned && <span class="hint">{words.cosigned}</span>}
    </span>
  );
}
