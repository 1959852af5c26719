import type { CommandArgument, CommandDefinition, CommandPayload } from "./command_definition.ts";
import type { CommandConfig, Config, DeviceConfig } from "./schema.ts";

/** Pure: the commands of a configuration, in file order. */
export function commandDefinitions({ application }: Config): CommandDefinition[] {
  return application.flatMap(({ device }) => device).flatMap((device) =>
    device.command.map((command) => definition(device, command))
  );
}

function definition(device: DeviceConfig, command: CommandConfig): CommandDefinition {
  return {
    devEui: device.device_id,
    deviceName: device.device_name,
    id: command.command_id,
    name: command.command_name,
    fPort: command.command_port,
    confirmed: command.command_confirmed,
    payload: payloadOf(command),
    arguments: argumentsOf(command),
    deadlineMs: command.deadline_seconds * 1000,
    enabled: device.enabled && command.enabled,
  };
}

function payloadOf({ payload, class: kind = "byte" }: CommandConfig): CommandPayload {
  if (payload?.bytes !== undefined) return { kind: "bytes", template: payload.bytes };
  if (payload?.object !== undefined) return { kind: "object", template: payload.object };
  return { kind };
}

function argumentsOf(command: CommandConfig): CommandArgument[] {
  if (command.argument !== undefined) {
    return command.argument.map(({ name, type, min = null, max = null, enum: values = null, unit }) => ({
      name,
      type,
      min,
      max,
      values,
      unit,
    }));
  }
  const { type = command.class === "valve" ? "Bool" : "Int", min = null, max = null, enum: values = null } = command;
  return [{ name: "value", type, min, max, values, unit: "" }];
}
