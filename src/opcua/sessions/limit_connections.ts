import type { Socket } from "node:net";
import type { OPCUAServer } from "node-opcua";
import { getLogger } from "@logtape/logtape";
import { peerAddress } from "../../config/address.ts";
import type { OpcUaConfig } from "../../config/schema.ts";
import { guardConnections } from "../library/library_internals.ts";
import { aggregatedEvents } from "./aggregated_event.ts";
import type { SessionWatch } from "./session_watch.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** Applies `max_connections_per_address` and tells of bytes that make no sense; returns the open sockets. */
export function limitConnections(
  server: OPCUAServer,
  config: OpcUaConfig,
  watch: SessionWatch,
): { readonly sockets: ReadonlySet<Socket>; readonly stop: () => void } {
  const unreadable = aggregatedEvents<{ address: string; reason: string }>(({ address, reason }, count) =>
    log.warning("Closed the OPC UA connection of {source_ip}, which sent what cannot be read: {reason}", {
      event: "opcua_bytes_unreadable",
      source_ip: address,
      reason,
      count,
    })
  );
  const sockets = new Set<Socket>();
  const perAddress = new Map<string, number>();
  guardConnections(
    server,
    (socket) => {
      const address = peerAddress(socket.remoteAddress);
      const open = perAddress.get(address) ?? 0;
      if (open >= config.max_connections_per_address) {
        watch.refused(address, "max_connections_per_address");
        return false;
      }
      watch.accepting();
      perAddress.set(address, open + 1);
      sockets.add(socket);
      socket.once("close", () => {
        sockets.delete(socket);
        const left = (perAddress.get(address) ?? 1) - 1;
        if (left > 0) perAddress.set(address, left);
        else perAddress.delete(address);
      });
      return true;
    },
    (address, error) =>
      unreadable.report(address, { address, reason: error instanceof Error ? error.message : String(error) }),
  );
  return { sockets, stop: () => unreadable.stop() };
}
