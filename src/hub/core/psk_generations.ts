import type { NodeRow } from "../store/hub_rows.ts";

/** Steps of one refresh: one each second. */
export const refreshSteps = 600;
/** Refreshes that may overlap; a further one waits. */
const mostRunning = 16;

/** A refresh of the hub's parts of all pairs that were there when it began. */
export interface PskRefresh {
  /** psk_hub_id that the pairs get. */
  readonly generation: number;
  readonly startedUs: number;
  /** Steps that are done; a pair's turn is a step that follows from its ids. */
  readonly steps: number;
}

/** Which psk_hub_id each pair has: a few numbers for all pairs. As it is stored. */
export interface PskGenerations {
  /** Newest refresh that reached every pair. */
  readonly base: number;
  /** Refreshes that did not, the oldest first. Only the last one goes on: what the others did not reach, it will. */
  readonly running: readonly PskRefresh[];
  /** A refresh was wanted while too many were running. */
  readonly wanted: boolean;
}

/** Of a new hub. */
export const firstGenerations: PskGenerations = { base: 1, running: [], wanted: false };

/** psk_hub_id that a pair has now. */
export function pskIdOf({ base, running }: PskGenerations, a: NodeRow, b: NodeRow): number {
  const from = Math.max(base, a.pskFrom, b.pskFrom);
  for (let at = running.length - 1; at >= 0; at--) {
    const refresh = running[at];
    if (refresh === undefined || refresh.generation <= from) break;
    if (stepOf(a, b, refresh.generation) < refresh.steps) return refresh.generation;
  }
  return from;
}

/** The step of a refresh at which a pair has its turn: spread evenly, and the same after a restart. */
export function stepOf(a: NodeRow, b: NodeRow, generation: number): number {
  return (residueOf(a) + residueOf(b) + generation) % refreshSteps;
}

/** A node's share in the turn of its pairs, 0 to 599: its partners of one step are all of one residue. */
export function residueOf({ nodeId }: Pick<NodeRow, "nodeId">): number {
  return Number.parseInt(nodeId.slice(2, 10), 16) % refreshSteps;
}

/** What a new node begins with: refreshes that have begun are not for its pairs. */
export function newestGeneration({ base, running }: PskGenerations): number {
  return running.at(-1)?.generation ?? base;
}

/** Begins a refresh of every pair. */
export function withRefresh(generations: PskGenerations, nowUs: number): PskGenerations {
  const { base, running } = generations;
  // one that has not done anything yet has nothing to go on from
  const begun = running.filter(({ steps }) => steps > 0);
  if (begun.length >= mostRunning) return { ...generations, wanted: true };
  const generation = newestGeneration(generations) + 1;
  return { base, running: [...begun, { generation, startedUs: nowUs, steps: 0 }], wanted: false };
}

/** The newest refresh has done so many steps. */
export function withSteps(generations: PskGenerations, steps: number): PskGenerations {
  const newest = generations.running.at(-1);
  if (newest === undefined) return generations;
  if (steps >= refreshSteps) return { base: newest.generation, running: [], wanted: generations.wanted };
  return { ...generations, running: [...generations.running.slice(0, -1), { ...newest, steps }] };
}
