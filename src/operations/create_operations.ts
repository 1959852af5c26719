import type { CommandNames } from "./call_targets.ts";
import { dispatchOperations } from "./dispatch_operations.ts";
import { accessOperations } from "./handlers/access_operations.ts";
import { alarmOperations } from "./handlers/alarm_operations.ts";
import { backupOperations } from "./handlers/backup_operations.ts";
import { commandOperations } from "./handlers/command_operations.ts";
import { configOperations } from "./handlers/config_operations.ts";
import { guardOperations } from "./handlers/guard_operations.ts";
import { historyOperations } from "./handlers/history_operations.ts";
import { opcuaPkiOperations } from "./handlers/pki_operations.ts";
import { preflightOperation } from "./handlers/preflight_operation.ts";
import { roleOperations } from "./handlers/role_operations.ts";
import { statusOperation } from "./handlers/status_operation.ts";
import { reportForces, tagOperations } from "./handlers/tag_operations.ts";
import type { Operations } from "./operation.ts";
import type { OperationParts } from "./operation_parts.ts";

/**
 * Makes the gateway's door: all operations that it offers, over its parts. From then on the faults of forced tags follow
 * the tags.
 */
export function createOperations(parts: OperationParts): Operations {
  const operations = dispatchOperations({
    role: "gateway",
    parts,
    operations: [
      ...roleOperations(parts, "gateway"),
      statusOperation(parts),
      ...tagOperations(parts),
      ...historyOperations(parts),
      ...alarmOperations(parts),
      ...commandOperations(parts),
      ...configOperations(parts),
      ...accessOperations(parts),
      ...guardOperations(parts),
      ...opcuaPkiOperations(parts),
      ...backupOperations(parts),
      preflightOperation(parts),
    ],
    commands: commandNames(parts),
  });
  reportForces(parts);
  return operations;
}

/** Commands as targets name them: `<DevEUI>/<name>`. */
function commandNames({ commands }: OperationParts): CommandNames {
  return {
    named: (device, command) => {
      const devEui = device.toLowerCase();
      return `${devEui}/${commands.definition(devEui, command)?.name ?? command}`;
    },
    sent: (id) => {
      const sent = commands.get(id);
      return sent === undefined ? null : `${sent.devEui}/${sent.command}`;
    },
  };
}
