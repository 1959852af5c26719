import type { OPCUAServer } from "node-opcua";
import { getLogger } from "@logtape/logtape";
import { peerAddress } from "../../config/address.ts";
import { containItems } from "../library/contain_items.ts";
import { containServices } from "../library/contain_services.ts";
import { aggregatedEvents } from "./aggregated_event.ts";
import { sanitiseText } from "./sanitise.ts";

const log = getLogger(["edgekeep", "opcua"]);

interface Told {
  readonly address: string;
  readonly service: string;
  readonly reason: string;
}

/**
 * Keeps requests and monitored items at which the library throws from harming others, and tells of them in the log;
 * returns what ends the telling.
 */
export function tellServiceFailures(server: OPCUAServer): () => void {
  const failures = aggregatedEvents<Told>(({ address, service, reason }, count) =>
    log.error("Cannot serve {service} of the OPC UA client at {source_ip}: {reason}", {
      event: "opcua_request_failed",
      service,
      source_ip: address,
      reason,
      count,
    })
  );
  containServices(server, ({ service, address: remote, error }) => {
    const address = peerAddress(remote);
    failures.report(`${address}\n${service}`, { address, service, reason: reasonOf(error) });
  });
  const items = aggregatedEvents<string>((reason, count) =>
    log.error("A monitored item failed at a value or an event: {reason}", { event: "opcua_item_failed", reason, count })
  );
  const release = containItems((error) => {
    const reason = reasonOf(error);
    items.report(reason, reason);
  });
  return () => {
    release();
    failures.stop();
    items.stop();
  };
}

/** What was thrown, and by what: an assertion of the library has no words. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return sanitiseText(String(error));
  const by = /\n\s+at (?!assert )(?:async )?([^\s(]+) \(/.exec(error.stack ?? "")?.[1];
  return sanitiseText(`${error.message || "an assertion"}${by === undefined ? "" : ` in ${by}`}`);
}
