import type { EventRow, NewEventRow, NodeRow } from "../store/hub_rows.ts";
import type { MetaKey } from "../store/hub_store.ts";
import type { MeshBook } from "./mesh_book.ts";
import type { MeshNode } from "./mesh_node.ts";

/** Parts of the hub that pages show. */
export type Topic = "nodes" | "links" | "policy" | "tokens" | "keys";

/** What an event says; see {@link NewEventRow}. */
export type NewEvent = Pick<NewEventRow, "type" | "body"> & Partial<Pick<NewEventRow, "peer" | "psk">>;

/**
 * One change of the mesh: what it writes and what it does to memory belong to one transaction. Memory changes at once, so
 * that later parts of the change see it, and changes back when the transaction fails.
 */
export class MeshChange {
  readonly #book: MeshBook;
  readonly #undo: (() => void)[] = [];
  readonly #after: (() => void)[] = [];
  /** Nodes that have new events. */
  readonly told = new Set<MeshNode>();
  readonly closed = new Set<MeshNode>();
  /** Nodes that this change adds: their first state has it all. */
  readonly fresh = new Set<MeshNode>();
  readonly topics = new Set<Topic>();

  constructor(book: MeshBook) {
    this.#book = book;
  }

  /** Replaces members of a node's row. */
  update(node: MeshNode, patch: Partial<Omit<NodeRow, "no" | "nodeId">>): void {
    const before = node.row;
    const row = { ...before, ...patch };
    this.#book.store.putNode(row);
    this.#book.rowsVersion++;
    node.replaced(row);
    this.undo(() => node.replaced(before));
    this.topics.add("nodes");
  }

  /** Adds an active node. Its number is given by the store, its first sequence is 1. */
  insert(row: Omit<NodeRow, "no">): MeshNode {
    const no = this.#book.store.putNode({ ...row, no: 0 });
    this.#book.store.setSequence(no, 1);
    const node = this.#book.admit({ ...row, no }, 1);
    this.#book.rowsVersion++;
    this.undo(() => this.#book.expel(node, true));
    this.fresh.add(node);
    this.topics.add("nodes");
    return node;
  }

  /** The node is active no longer; its row stays. */
  retire(node: MeshNode, removedUs: number): void {
    this.update(node, { state: "removed", removedUs, prepared: null, rotateDueUs: null });
    this.#book.store.deleteSequence(node.no);
    this.#book.expel(node, false);
    this.undo(() => this.#book.readmit(node));
    this.closed.add(node);
    this.after(() => this.#book.freeSlot(node));
  }

  /** One event for every active node but one. */
  broadcast(event: NewEvent, except: MeshNode | null = null): void {
    const fields = { node: 0, except: except?.no ?? 0, peer: 0, psk: 0, ...event };
    const { store, log } = this.#book;
    store.raiseSequences(fields.except);
    const row = { ...fields, id: store.addEvent(fields) };
    const nodes = this.#book.active.filter((node) => node !== except);
    for (const node of nodes) {
      node.sequence++;
      this.told.add(node);
    }
    log.add(row, null);
    this.undo(() => {
      log.takeBack(row, null);
      for (const node of nodes) node.sequence--;
    });
  }

  /** An event for one node. */
  tell(node: MeshNode, event: NewEvent): void {
    const fields = { node: node.no, except: 0, peer: 0, psk: 0, ...event };
    const { store, log } = this.#book;
    const row = kept({ ...fields, id: store.addEvent(fields) });
    store.setSequence(node.no, ++node.sequence);
    log.add(row, node);
    this.undo(() => {
      log.takeBack(row, node);
      node.sequence--;
    });
    this.told.add(node);
  }

  /** An event for each of many nodes; a node may be named more than once. */
  tellMany(events: readonly (readonly [node: MeshNode, event: NewEvent])[]): void {
    if (events.length === 0) return;
    const { store, log } = this.#book;
    const rows = events.map(([node, event]) => ({ node: node.no, except: 0, peer: 0, psk: 0, ...event }));
    const first = store.addEvents(rows);
    store.raiseSequencesOf(rows.map(({ node }) => node));
    const added = events.map(([node], index) => ({
      node,
      row: kept({ ...rows[index] as NewEventRow, id: first + index }),
    }));
    for (const { node, row } of added) {
      node.sequence++;
      log.add(row, node);
      this.told.add(node);
    }
    this.undo(() => {
      for (const { node, row } of added.reverse()) {
        log.takeBack(row, node);
        node.sequence--;
      }
    });
  }

  /** Sets a member of something in memory, for as long as the transaction holds. */
  assign<T extends object, K extends keyof T>(target: T, key: K, value: T[K]): void {
    const before = target[key];
    target[key] = value;
    this.undo(() => {
      target[key] = before;
    });
  }

  meta(key: MetaKey, value: string | null): void {
    this.#book.store.setMeta(key, value);
  }

  /** Runs when the transaction failed. */
  undo(step: () => void): void {
    this.#undo.push(step);
  }

  /** Runs when the transaction is on the disk. */
  after(step: () => void): void {
    this.#after.push(step);
  }

  /** For the book: the transaction failed. */
  takeBack(): void {
    for (const step of this.#undo.reverse()) step();
  }

  /** For the book: the transaction is on the disk. */
  done(): void {
    for (const step of this.#after) step();
  }
}

/** What is for one node alone stays in the store until it is sent: the mail of a thousand nodes is not for memory. */
function kept(row: EventRow): EventRow {
  return { ...row, body: null };
}
