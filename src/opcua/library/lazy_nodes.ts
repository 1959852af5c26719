import type { BaseNode, Namespace, NodeId } from "node-opcua";

interface FindingNamespace {
  findNode2(nodeId: NodeId): BaseNode | null;
}

interface BrowsedNode {
  browseNode(...args: unknown[]): unknown;
  browseNodeByTargetName(...args: unknown[]): unknown;
}

/**
 * Lets a namespace make nodes when they are first asked for by their id. All lookups of the library end here.
 *
 * @param make makes the node of a string id and what belongs to it; `null` when there is none
 */
export function makeOnLookup(namespace: Namespace, make: (id: string) => BaseNode | null): void {
  const finding = namespace as unknown as FindingNamespace;
  const find = finding.findNode2.bind(namespace);
  let making = false;
  finding.findNode2 = (nodeId) => {
    const node = find(nodeId);
    if (node !== null || making || typeof nodeId.value !== "string") return node;
    making = true;
    try {
      return make(nodeId.value);
    } finally {
      making = false;
    }
  };
}

/** Calls `prepare` before the references of a node are looked at by Browse or by TranslateBrowsePathsToNodeIds. */
export function beforeBrowse(node: BaseNode, prepare: () => void): void {
  const browsed = node as unknown as BrowsedNode;
  const browse = browsed.browseNode;
  const browseByName = browsed.browseNodeByTargetName;
  browsed.browseNode = function (...args) {
    prepare();
    return browse.apply(this, args);
  };
  browsed.browseNodeByTargetName = function (...args) {
    prepare();
    return browseByName.apply(this, args);
  };
}
