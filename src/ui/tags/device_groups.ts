import type { TagCell } from "../tag_cells.ts";

/** A device as the tree shows it. */
export interface DeviceGroup {
  /** DevEUI or `gateway`. */
  readonly group: string;
  /** Name of the device; `null` for the gateway's own tags. */
  readonly name: string | null;
}

/** An application with its devices; `null` holds the gateway's own tags. */
export interface ApplicationGroup {
  readonly application: string | null;
  readonly devices: readonly DeviceGroup[];
}

/** Applications and devices in the order of the cells. */
export function groupDevices(cells: Iterable<TagCell>): ApplicationGroup[] {
  const applications = new Map<string | null, Map<string, DeviceGroup>>();
  for (const { tag } of cells) {
    let devices = applications.get(tag.application);
    if (devices === undefined) applications.set(tag.application, devices = new Map());
    if (!devices.has(tag.group)) devices.set(tag.group, { group: tag.group, name: tag.device });
  }
  return [...applications].map(([application, devices]) => ({ application, devices: [...devices.values()] }));
}
