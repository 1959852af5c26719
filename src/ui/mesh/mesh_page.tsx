import type { ComponentType } from "preact";
import { messages } from "../messages/messages.ts";
import type { MeshPart } from "../route.ts";
import { KeysPart } from "./keys_part.tsx";
import { NodesPart } from "./nodes_part.tsx";
import { PolicyPart } from "./policy_part.tsx";
import { TokensPart } from "./tokens_part.tsx";
import { TopologyPart } from "./topology_part.tsx";

const parts: Readonly<Record<MeshPart, ComponentType>> = {
  nodes: NodesPart,
  topology: TopologyPart,
  policy: PolicyPart,
  tokens: TokensPart,
  keys: KeysPart,
};

/** The mesh of a hub: who is in it, how they reach each other, and what they may. */
export function MeshPage({ part }: { readonly part: MeshPart }) {
  const Content = parts[part];
  return (
    <main id="content" class="operate" tabIndex={-1}>
      <h1 class="offscreen">{messages.value.meshParts[part]}</h1>
      <Content key={part} />
    </main>
  );
}
