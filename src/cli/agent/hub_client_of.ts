import type { OwnKeys } from "../../agent/files/own_keys.ts";
import type { KeyRing } from "../../agent/follow/key_ring.ts";
import { HubClient } from "../../agent/hub_client/hub_client.ts";
import { HubClock } from "../../agent/hub_client/hub_clock.ts";

/** The hub's API for a node whose agent does not run. Stop it. */
export function hubClientOf(keys: OwnKeys, ring: KeyRing, clock = new HubClock()): HubClient {
  const { url, hub } = ring.trust;
  return new HubClient({
    url,
    hub,
    nodeId: keys.nodeId,
    identity: keys.identity,
    pins: () => ring.trust.tls_spki,
    keyOf: (index) => ring.keyOf(index),
    clock,
  });
}
