import type { AddressSpace, BaseNode, NodeId } from "node-opcua";
import { type ModelChange, modelVerb, raiseModelChange } from "../library/model_change.ts";

type Typed = BaseNode & { readonly typeDefinition?: NodeId };

/** Collects what happens to the address space, so that clients are told by one event of many changes. */
export class ModelChanges {
  readonly #changes = new Map<string, ModelChange>();

  /** A node was added below `parent`. */
  added(node: BaseNode, parent: BaseNode): void {
    this.#note(node, modelVerb.nodeAdded);
    this.#note(parent, modelVerb.referenceAdded);
  }

  /** A node is about to be deleted from below `parent`. */
  deleted(node: BaseNode, parent: BaseNode | null): void {
    this.#note(node, modelVerb.nodeDeleted);
    if (parent !== null) this.#note(parent, modelVerb.referenceDeleted);
  }

  /** A node moves from below one parent to another one. */
  moved(node: BaseNode, from: BaseNode, to: BaseNode): void {
    this.#note(node, modelVerb.referenceAdded | modelVerb.referenceDeleted);
    this.#note(from, modelVerb.referenceDeleted);
    this.#note(to, modelVerb.referenceAdded);
  }

  /** A node refers to others than before. */
  pointed(node: BaseNode): void {
    this.#note(node, modelVerb.referenceAdded | modelVerb.referenceDeleted);
  }

  /** Forgets what was collected. */
  clear(): void {
    this.#changes.clear();
  }

  /** Tells clients, if there is something to tell. */
  raise(space: AddressSpace): void {
    if (this.#changes.size === 0) return;
    const changes = [...this.#changes.values()];
    this.#changes.clear();
    raiseModelChange(space, changes);
  }

  #note(node: BaseNode, verb: number): void {
    const key = node.nodeId.toString();
    const before = this.#changes.get(key);
    this.#changes.set(key, {
      affected: node.nodeId,
      affectedType: before?.affectedType ?? (node as Typed).typeDefinition ?? null,
      verb: verb | (before?.verb ?? 0),
    });
  }
}
