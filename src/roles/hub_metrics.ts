import type { HubRoleStatus } from "../operations/operation_parts.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type Reading, roleMetrics } from "../telemetry/role_metrics.ts";

/** The hub's metrics, read from `status` when they are scraped. */
export function hubMetrics(status: () => HubRoleStatus): Metrics {
  const { registry, gauge, counter, stop } = roleMetrics(status);
  const one = (read: (now: HubRoleStatus) => number) => (now: HubRoleStatus): Reading[] => [[{}, read(now)]];

  gauge("hub_nodes", "Nodes of the mesh by state; online ones are active, too", ["state"], ({ hub: { nodes } }) => [
    [{ state: "active" }, nodes.active],
    [{ state: "online" }, nodes.online],
    [{ state: "removed" }, nodes.removed],
  ]);
  gauge("hub_relay_sessions", "Pairs of nodes that are relayed", [], one(({ hub }) => hub.relays.sessions));
  gauge("hub_relay_sessions_max", "Pairs that may be relayed at once", [], one(({ hub }) => hub.relays.most));
  counter("hub_relay_forwarded_bytes", "Bytes relayed", [], one(({ hub }) => hub.relays.forwardedBytes));
  counter(
    "hub_relay_dropped_packets",
    "Packets that the relay refused",
    [],
    one(({ hub }) => hub.relays.droppedPackets),
  );
  counter("hub_refused_requests", "Requests of agents that were refused", [], one(({ hub }) => hub.refusedRequests));
  gauge("hub_database_bytes", "Size of the hub's store", [], one(({ hub }) => hub.databaseBytes));
  gauge("hub_key_epoch", "Epoch of the mesh: recoveries so far, from 1", [], one(({ hub }) => hub.keys.epoch));
  gauge("hub_key_index", "Signing keys before the present one", [], one(({ hub }) => hub.keys.keyIndex));
  gauge(
    "hub_signing",
    "1 while the hub signs, 0 while it waits for a recovery",
    [],
    one(({ hub }) => hub.keys.stoppedSigning === null ? 1 : 0),
  );
  gauge(
    "hub_tls_expiry_timestamp_seconds",
    "End of the certificate that agents are served with",
    [],
    one(({ hub }) => hub.keys.tlsNotAfterUs / 1_000_000),
  );
  return { registry, stop };
}
