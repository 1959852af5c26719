import { dispatchOperations } from "./dispatch_operations.ts";
import { accessOperations } from "./handlers/access_operations.ts";
import { configOperations } from "./handlers/config_operations.ts";
import { guardOperations } from "./handlers/guard_operations.ts";
import { hubOperations } from "./handlers/hub_operations.ts";
import { roleOperations } from "./handlers/role_operations.ts";
import type { Operations } from "./operation.ts";
import type { HubParts } from "./operation_parts.ts";

/** Makes the hub's door: all operations that it offers, over its parts. */
export function createHubOperations(parts: HubParts): Operations {
  return dispatchOperations({
    role: "hub",
    parts,
    operations: [
      ...roleOperations(parts, "hub"),
      ...hubOperations(parts),
      ...configOperations(parts),
      ...accessOperations(parts),
      ...guardOperations(parts),
    ],
    // a hub has none
    commands: { named: (device, command) => `${device}/${command}`, sent: () => null },
  });
}
