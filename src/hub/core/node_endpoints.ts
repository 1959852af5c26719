import type { StateEndpoint } from "../../mesh/state.ts";
import type { NodeRow } from "../store/hub_rows.ts";

/** Endpoints of a node as states have them: `lan`, `observed`, `static`, each kind by address. */
export function endpointsOf({ reported, observed }: Pick<NodeRow, "reported" | "observed">): StateEndpoint[] {
  const all = [...reported, ...observed.map((address) => ({ address, kind: "observed" as const }))];
  const rank = (endpoint: StateEndpoint) => `${endpoint.kind} ${endpoint.address}`;
  return all.map(({ address, kind }) => ({ address, kind }))
    .toSorted((a, b) => rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0);
}
