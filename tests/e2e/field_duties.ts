import type { AlarmDefinition } from "../../src/config/alarm_definition.ts";
import { alarmDefinitions } from "../../src/config/alarm_definitions.ts";
import type { CommandDefinition } from "../../src/config/command_definition.ts";
import { commandDefinitions } from "../../src/config/command_definitions.ts";
import { configSchema } from "../../src/config/schema.ts";
import type { DeviceDefinition } from "../../src/config/topology.ts";

/** What the devices of `fieldWorld` are watched for: one value of it is far too high from the start. */
export function fieldAlarms(devices: readonly DeviceDefinition[]): AlarmDefinition[] {
  return alarmDefinitions(configOf(devices));
}

/** What can be sent to the devices of `fieldWorld`. */
export function fieldCommands(devices: readonly DeviceDefinition[]): CommandDefinition[] {
  return commandDefinitions(configOf(devices));
}

function configOf(devices: readonly DeviceDefinition[]) {
  const metric = (metric_name: string, metric_type: string, alarm: object) => ({
    metric_name,
    chirpstack_metric_name: "unused",
    metric_type,
    alarm,
  });
  const watched: Readonly<Record<string, readonly object[]>> = {
    "Meter office": [metric("power", "Float", { hi: 40, hihi: 60, deadband: 2 })],
    "Soil probe 1": [metric("soil moisture", "Float", { lo: 12 })],
  };
  const commands: Readonly<Record<string, readonly object[]>> = {
    "Main valve": [
      { command_id: 1, command_name: "Valve", command_port: 10, command_confirmed: true, class: "valve" },
      {
        command_id: 2,
        command_name: "Water",
        command_port: 11,
        payload: { bytes: "02 {position:u8} {minutes:u16be}" },
        argument: [
          { name: "position", type: "Int", min: 0, max: 100, unit: "%" },
          { name: "minutes", type: "Int", enum: [5, 15, 60], unit: "min" },
        ],
      },
    ],
    "Bypass valve": [{
      command_id: 1,
      command_name: "Reset",
      command_port: 10,
      argument: [],
      payload: { bytes: "ff" },
    }],
  };
  return configSchema.parse({
    alarms: { stale_devices: false },
    application: [{
      application_name: "Plant",
      application_id: "plant",
      device: devices.map(({ devEui, name }) => ({
        device_id: devEui,
        device_name: name,
        read_metric: watched[name] ?? [],
        command: commands[name] ?? [],
      })),
    }],
  });
}
