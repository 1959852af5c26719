import type { HubStatus } from "../mesh/hub_admin.ts";
import type { ActiveFault } from "../telemetry/fault_board.ts";
import type { Verdict } from "../telemetry/status.ts";
import { faultVerdict } from "../telemetry/verdict.ts";

/**
 * The verdict over a hub and the one sentence that says it. Nodes that are away change nothing: they may be switched off,
 * and the tunnels of the others do without them.
 */
export function hubVerdict(
  faults: readonly ActiveFault[],
  { url, nodes }: Pick<HubStatus, "url" | "nodes">,
): { verdict: Verdict; summary: string } {
  const failed = faultVerdict(faults, "error");
  if (failed !== null) return failed;
  if (url === "") return { verdict: "not_set_up", summary: "Not set up: [hub].url is missing, so nobody can join" };
  const warned = faultVerdict(faults, "warning");
  if (warned !== null) return warned;
  if (nodes.active === 0) return { verdict: "ok", summary: "All is well: no node has joined yet" };
  return { verdict: "ok", summary: `All is well: ${nodes.online} of ${nodes.active} nodes are online` };
}
