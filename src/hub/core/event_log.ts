import { maxReplayedEvents } from "../../mesh/constants.ts";
import type { EventRow } from "../store/hub_rows.ts";
import type { MeshNode } from "./mesh_node.ts";

/** Kept beyond what a stream replays, so that a list is not cut with each event. */
const slack = 64;

/**
 * The newest events of all nodes; bodies of those for one node alone stay in the store. An event for everybody is one entry; which sequence it has for a node follows from
 * counting back from the node's newest one, since each allocated sequence has exactly one event.
 */
export class EventLog {
  #shared: EventRow[] = [];
  /** Newest event for everybody that is no longer here. */
  #floor = 0;
  newestId = 0;

  /** @param floor events up to this one are gone from the store */
  constructor(floor: number) {
    this.#floor = floor;
    this.newestId = floor;
  }

  /** @param node `null`: for everybody but `row.except` */
  add(row: EventRow, node: MeshNode | null): void {
    this.newestId = row.id;
    const list = node?.own ?? this.#shared;
    list.push(row);
    if (list.length <= maxReplayedEvents + slack) return;
    const gone = list.splice(0, slack).at(-1)?.id ?? 0;
    if (node === null) this.#floor = gone;
    else node.ownFloor = gone;
  }

  /** Takes back the newest event, which was not stored after all. */
  takeBack(row: EventRow, node: MeshNode | null): void {
    const list = node?.own ?? this.#shared;
    if (list.at(-1) === row) list.pop();
    this.newestId = Math.min(this.newestId, row.id - 1);
  }

  /** Nothing before can be sent any more. */
  clear(nodes: Iterable<MeshNode>): void {
    this.#shared = [];
    this.#floor = this.newestId;
    for (const node of nodes) {
      node.own.length = 0;
      node.ownFloor = this.newestId;
    }
  }

  /** The events above a sequence, the oldest first; `null`: some are no longer here, or they are more than `most`. */
  after(
    node: MeshNode,
    sequence: number,
    most: number,
  ): { readonly sequence: number; readonly row: EventRow }[] | null {
    const missing = node.sequence - sequence;
    if (missing < 0 || missing > Math.min(most, maxReplayedEvents)) return null;
    const floor = Math.max(this.#floor, node.ownFloor, node.row.firstEvent);
    const found: { sequence: number; row: EventRow }[] = [];
    let shared = this.#shared.length - 1;
    let own = node.own.length - 1;
    while (found.length < missing) {
      while (shared >= 0 && this.#shared[shared]?.except === node.no) shared--;
      const a = this.#shared[shared];
      const b = node.own[own];
      const row = a === undefined || (b !== undefined && b.id > a.id) ? b : a;
      if (row === undefined || row.id <= floor) return null;
      if (row === a) shared--;
      else own--;
      found.push({ sequence: node.sequence - found.length, row });
    }
    return found.reverse();
  }
}
