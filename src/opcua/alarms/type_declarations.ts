import {
  type AddressSpace,
  type BaseNode,
  NodeClass,
  type NodeId,
  type UAObject,
  type UAObjectType,
  type UAVariable,
} from "node-opcua";

/** What an instance of a type has at one browse path, as the type declares it. */
export interface Declaration {
  /** Names of the standard's namespace, joined by `/`. */
  readonly path: string;
  readonly node: UAVariable | UAObject;
  readonly isProperty: boolean;
  readonly mandatory: boolean;
}

/** How deep states nest: `ShelvingState/CurrentState/Id`. */
const MAX_DEPTH = 3;

/**
 * The variables and objects that an ObjectType and its supertypes declare, parents before children. A supertype's
 * declaration wins over that of a subtype with the same path, which only repeats it; one mandatory declaration makes the
 * path mandatory.
 */
export function typeDeclarations(space: AddressSpace, typeId: NodeId): ReadonlyMap<string, Declaration> {
  const chain: UAObjectType[] = [];
  for (
    let type = space.findNode(typeId) as UAObjectType | null;
    type !== null && type.nodeId.value !== 58;
    type = type.subtypeOfObj
  ) chain.unshift(type);
  const found = new Map<string, Declaration>();
  for (const type of chain) collect(type, "", 1, found);
  return found;
}

function collect(parent: BaseNode, prefix: string, depth: number, found: Map<string, Declaration>): void {
  const children = [
    ...parent.findReferencesAsObject("HasProperty", true).map((node) => ({ node, isProperty: true })),
    ...parent.findReferencesAsObject("HasComponent", true).map((node) => ({ node, isProperty: false })),
  ];
  for (const { node, isProperty } of children) {
    if (node.nodeClass !== NodeClass.Variable && node.nodeClass !== NodeClass.Object) continue;
    const name = node.browseName.name ?? "";
    // without a modelling rule it belongs to the type alone; in angle brackets it stands for names of one's own
    const rule = node.modellingRule;
    if (rule === null || rule === undefined || name.startsWith("<")) continue;
    const path = prefix + name;
    const known = found.get(path);
    const mandatory = rule === "Mandatory" || known?.mandatory === true;
    found.set(path, { ...known ?? { path, node: node as UAVariable | UAObject, isProperty }, mandatory });
    if (depth < MAX_DEPTH) collect(node, `${path}/`, depth + 1, found);
  }
}
