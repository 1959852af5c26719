import type { PayloadOf } from "../../mesh/events.ts";
import { hostOf } from "./path_candidates.ts";

/** How this machine's router treats the tunnel's packets, as far as the hub's observers could tell. */
export interface NatReport {
  /**
   * `none`: seen under an own address and port; `cone`: one public port for everybody, so peers can come directly;
   * `symmetric`: another port for each destination, so a peer behind such a router needs the relay; `unknown`: fewer than
   * two observers have answered.
   */
  readonly kind: "unknown" | "none" | "cone" | "symmetric";
  /** Addresses that the observers saw, without repetition. */
  readonly addresses: readonly string[];
  /** Whether any observer saw this node: `false`: UDP does not get to the hub; `null`: they were not asked to the end yet. */
  readonly reached: boolean | null;
}

/**
 * Tells the kind of the router from the addresses under which two observers saw one socket (RFC 4787 §4.1,
 * address-dependent mapping).
 *
 * @param observed what the hub's observers told, one entry each
 * @param localAddresses of this machine, without port
 * @param listenPort of the tunnel
 * @param asked whether the observers were given their time
 */
export function natReport(
  observed: PayloadOf<"endpoint_observed">["endpoints"],
  localAddresses: readonly string[],
  listenPort: number,
  asked: boolean,
): NatReport {
  const latest = new Map(observed.map(({ observer, address }) => [observer, address]));
  const addresses = [...new Set(latest.values())];
  const [first] = addresses;
  const reached = first !== undefined ? true : asked ? false : null;
  if (latest.size < 2 || first === undefined) return { kind: "unknown", addresses, reached };
  if (addresses.length > 1) return { kind: "symmetric", addresses, reached };
  const own = first.endsWith(`:${listenPort}`) && localAddresses.includes(hostOf(first));
  return { kind: own ? "none" : "cone", addresses, reached };
}
