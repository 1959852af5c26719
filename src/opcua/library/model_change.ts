import { type AddressSpace, ModelChangeStructureDataType, type NodeId } from "node-opcua";

/** Bits of what happened to a node (OPC 10000-5 §12.16, ModelChangeStructureVerbMask). */
export const modelVerb = { nodeAdded: 1, nodeDeleted: 2, referenceAdded: 4, referenceDeleted: 8 } as const;

/** What happened to one node; `verb` holds bits of {@link modelVerb}. */
export interface ModelChange {
  readonly affected: NodeId;
  readonly affectedType: NodeId | null;
  readonly verb: number;
}

type ModelSpace = AddressSpace & {
  suspendModelChangeEvents?: boolean;
  _collectModelChange(view: null, change: ModelChangeStructureDataType): void;
};

/**
 * Does something with the address space without the library's own events about it: it looks for versioned parents at each
 * single node, which is most of the cost of adding one.
 */
export function withoutModelChanges(space: AddressSpace, work: () => void): void {
  const model: ModelSpace = space as ModelSpace;
  const before = model.suspendModelChangeEvents ?? false;
  model.suspendModelChangeEvents = true;
  try {
    work();
  } finally {
    model.suspendModelChangeEvents = before;
  }
}

/** Counts the NodeVersion of every affected node up and raises one GeneralModelChangeEvent for all of them. */
export function raiseModelChange(space: AddressSpace, changes: Iterable<ModelChange>): void {
  const model: ModelSpace = space as ModelSpace;
  space.modelChangeTransaction(() => {
    for (const change of changes) model._collectModelChange(null, new ModelChangeStructureDataType({ ...change }));
  });
}
