import type { AddressSpace, Namespace } from "node-opcua";
import { describeRoles, tellReadOnlyFirst } from "../library/session_roles.ts";
import { engineerMayRead, engineerMaySee, everybodyMayRead } from "./node_roles.ts";

/** `SessionDiagnosticsArray` and `SubscriptionDiagnosticsArray` (OPC 10000-5 §6.3): who else is there, and what they read. */
const DIAGNOSTICS_OF_ALL = ["i=3707", "i=2290"];

/**
 * Puts permission tables on the nodes: what is ours is read by everybody; the diagnostics of other people's sessions, which
 * are all that the server's own namespace holds, are for engineers. What secures a session is for administrators by the
 * standard's own tables.
 */
export function guardNodes(space: AddressSpace, ours: Namespace): void {
  ours.setDefaultRolePermissions(everybodyMayRead);
  space.getOwnNamespace().setDefaultRolePermissions(engineerMaySee);
  for (const nodeId of DIAGNOSTICS_OF_ALL) space.findNode(nodeId)?.setRolePermissions(engineerMayRead);
  tellReadOnlyFirst(space);
  describeRoles(space);
}
