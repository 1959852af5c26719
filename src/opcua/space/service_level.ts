import { type AddressSpace, DataType, resolveNodeId, type UAVariable } from "node-opcua";
import type { Verdict } from "../../telemetry/status.ts";
import { scalar } from "./data_values.ts";

/** ServiceLevel of the server (OPC 10000-5 §12.6): Healthy is 200 to 255, Degraded 2 to 199, NoData 1. */
const levels: Readonly<Record<Verdict, number>> = { ok: 255, attention: 200, failed: 100, not_set_up: 1 };

/** Lets the standard node ServiceLevel follow the gateway's verdict; returns what tells it. */
export function serveServiceLevel(space: AddressSpace): (verdict: Verdict) => void {
  const variable = space.findNode(resolveNodeId("Server_ServiceLevel")) as UAVariable | null;
  if (variable === null) throw new Error("Cannot serve the ServiceLevel as the address space has no such node");
  let level = levels.ok;
  variable.bindVariable({ get: () => scalar(DataType.Byte, level) }, true);
  return (verdict) => {
    if (levels[verdict] === level) return;
    level = levels[verdict];
    variable.touchValue();
  };
}
