import { pause } from "../../telemetry/pause.ts";
import { type NetworkFacts, readNetworkFacts } from "./network_facts.ts";
import { type RunProgram, runProgram } from "./run_program.ts";

/** How a machine's network is watched. */
export interface WatchOptions {
  /** Its addresses and routes do not count as changes. */
  readonly meshInterface: string;
  readonly signal: AbortSignal;
  /** Called after each change, with what is now. */
  readonly onChange: (facts: NetworkFacts) => void;
  /** Time between two looks, ms; 5 s unless told. */
  readonly intervalMs?: number;
  readonly run?: RunProgram;
}

/**
 * Looks at addresses and IPv4 routes every few seconds until the signal aborts; a look that fails is left out. Resolves
 * when the watching has ended.
 *
 * A child `ip monitor` would cost less while nothing happens, but one is left over whenever the agent is killed, and
 * lives until the next change.
 */
export async function watchNetwork(
  { meshInterface, signal, onChange, intervalMs = 5_000, run = runProgram }: WatchOptions,
): Promise<void> {
  let known: string | null = null;
  while (!signal.aborted) {
    const facts = await readNetworkFacts(run, signal).catch(() => null);
    if (facts !== null && !signal.aborted) {
      const form = formOf(facts, meshInterface);
      if (known !== null && form !== known) onChange(facts);
      known = form;
    }
    await pause(intervalMs, signal);
  }
}

function formOf({ addresses, routes }: NetworkFacts, meshInterface: string): string {
  const others = <T extends { readonly interface: string }>(all: readonly T[]) =>
    all.filter((one) => one.interface !== meshInterface).map((one) => JSON.stringify(one)).toSorted();
  return JSON.stringify([others(addresses), others(routes)]);
}
