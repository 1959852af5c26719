import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { HubConfig } from "../config/schema.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";

/**
 * IP address under which agents reach observers and relay: `[hub].address`, or the host of `url`, looked up where it is a
 * name. `null` where there is none; one that nobody can look up now is the fault `hub_address_unknown`.
 */
export async function hubAddress({ address, url }: HubConfig, faults: FaultBoard): Promise<string | null> {
  const host = address ?? (url === undefined ? null : new URL(url).hostname.replace(/^\[(.*)\]$/, "$1"));
  if (host === null || isIP(host) !== 0) return host;
  try {
    const found = await lookup(host, { all: true, verbatim: true });
    // tunnels of most sites have IPv4 alone
    const best = found.find(({ family }) => family === 4) ?? found[0];
    if (best !== undefined) return best.address;
    faults.raise("hub_address_unknown", `${host} has no address`);
  } catch (error) {
    faults.raise("hub_address_unknown", `${host}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return null;
}
