import type { MeshBook } from "./mesh_book.ts";
import type { MeshChange } from "./mesh_change.ts";
import type { MeshNode } from "./mesh_node.ts";
import {
  newestGeneration,
  type PskGenerations,
  refreshSteps,
  residueOf,
  withRefresh,
  withSteps,
} from "./psk_generations.ts";

const stepUs = 1_000_000;
/** Steps made in one go when some were missed. */
const mostAtOnce = 2;

/** Changes the hub's parts of all pairs, over ten minutes, after a node was removed by force. */
export class PskRefresher {
  readonly #book: MeshBook;
  readonly #nowUs: () => number;

  constructor(book: MeshBook, nowUs: () => number) {
    this.#book = book;
    this.#nowUs = nowUs;
  }

  /** Begins; the pairs follow one by one. Survives a restart. */
  begin(change: MeshChange): void {
    this.#set(change, withRefresh(this.#book.wide.generations, this.#nowUs()));
  }

  /** Gives the pairs whose turn has come their new part. Call it each second. */
  step(): void {
    const { generations } = this.#book.wide;
    const newest = generations.running.at(-1);
    if (newest === undefined) {
      if (generations.wanted) this.#book.change((change) => this.begin(change));
      return;
    }
    const sinceUs = this.#nowUs() - newest.startedUs;
    // a step comes a second after the one before it, whatever a clock says that was set back since
    const due = sinceUs < newest.steps * stepUs ? newest.steps + 1 : Math.floor(sinceUs / stepUs);
    const until = Math.min(due, newest.steps + mostAtOnce, refreshSteps);
    if (until <= newest.steps) return;
    const pairs = this.#pairsOf(newest.generation, newest.steps, until);
    this.#book.change((change) => {
      this.#set(change, withSteps(this.#book.wide.generations, until));
      const event = (peer: MeshNode) => (
        { type: "peer_psk_changed", body: null, peer: peer.no, psk: newest.generation }
      );
      change.tellMany(pairs.flatMap(([a, b]) => [[a, event(b)], [b, event(a)]] as const));
    });
  }

  /** psk_hub_id that a pair of new nodes has. */
  get newest(): number {
    return newestGeneration(this.#book.wide.generations);
  }

  /** Pairs whose turn is at the steps from one up to, and without, another. */
  #pairsOf(generation: number, from: number, until: number): [MeshNode, MeshNode][] {
    const nodes = this.#book.active.filter(({ row }) => row.pskFrom < generation);
    const byResidue = Map.groupBy(nodes, ({ row }) => residueOf(row));
    const pairs: [MeshNode, MeshNode][] = [];
    for (let step = from; step < until; step++) {
      for (const [residue, some] of byResidue) {
        const partner = (((step - residue - generation) % refreshSteps) + refreshSteps) % refreshSteps;
        for (const a of some) for (const b of byResidue.get(partner) ?? []) if (a.id < b.id) pairs.push([a, b]);
      }
    }
    return pairs;
  }

  #set(change: MeshChange, generations: PskGenerations): void {
    change.assign(this.#book.wide, "generations", generations);
    change.meta("psk_refresh", JSON.stringify(generations));
  }
}
