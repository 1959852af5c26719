import { pause } from "../../telemetry/pause.ts";
import { type NetworkFacts, readNetworkFacts } from "./network_facts.ts";
import { type RunProgram, runProgram } from "./run_program.ts";

/** Looks from one at the routes to the next, while addresses stay what they are. */
const routesEvery = 4;

/** How a machine's network is watched. */
export interface WatchOptions {
  /** Its addresses and routes do not count as changes. */
  readonly meshInterface: string;
  readonly signal: AbortSignal;
  /** Called after each change, with what is now. */
  readonly onChange: (facts: NetworkFacts) => void;
  /** Time between two looks at the addresses, ms; 5 s unless told. */
  readonly intervalMs?: number;
  readonly run?: RunProgram;
}

/**
 * Looks at addresses every few seconds, and at routes when these changed and with every fourth look, until the signal
 * aborts; a look that fails is left out. Resolves when the watching has ended. Needs the system permission
 * `networkInterfaces`.
 *
 * The runtime tells addresses for next to nothing; routes take a program. A child `ip monitor` would cost less while
 * nothing happens, but one is left over whenever the agent is killed, and lives until the next change.
 */
export async function watchNetwork(
  { meshInterface, signal, onChange, intervalMs = 5_000, run = runProgram }: WatchOptions,
): Promise<void> {
  let known: string | null = null;
  let addresses = "";
  for (let look = 0; !signal.aborted; look++, await pause(intervalMs, signal)) {
    const now = addressesNow(meshInterface);
    if (now === addresses && look % routesEvery !== 0) continue;
    const facts = await readNetworkFacts(run, signal).catch(() => null);
    if (facts !== null && !signal.aborted) {
      const form = formOf(facts, meshInterface);
      if (known !== null && form !== known) onChange(facts);
      known = form;
      addresses = now;
    }
  }
}

function addressesNow(meshInterface: string): string {
  const others = Deno.networkInterfaces().filter(({ name }) => name !== meshInterface);
  return JSON.stringify(others.map(({ name, address, netmask }) => [name, address, netmask]));
}

function formOf({ addresses, routes }: NetworkFacts, meshInterface: string): string {
  const others = <T extends { readonly interface: string }>(all: readonly T[]) =>
    all.filter((one) => one.interface !== meshInterface).map((one) => JSON.stringify(one)).toSorted();
  return JSON.stringify([others(addresses), others(routes)]);
}
