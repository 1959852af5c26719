import {
  type AddressSpace,
  DataType,
  type Namespace,
  type UAObject,
  type UAVariable,
  Variant,
  VariantArrayType,
} from "node-opcua";
import type { GatewayStatus, SourceStatus } from "../../telemetry/status.ts";
import { int64Words, scalar } from "./data_values.ts";
import { addFolder, READ_ONLY } from "./folders.ts";

/** How one figure of the status is served. */
interface HealthNode<T> {
  /** Path below the folder; the NodeId is the folder's with this behind it. */
  readonly path: string;
  readonly type: HealthType;
  readonly value: (status: T) => string | number | readonly string[] | null;
}

/** `Time` is a UtcTime from µs, `Count` a UInt64, `Texts` an array of String. */
type HealthType = "String" | "Double" | "UInt32" | "Count" | "Time" | "Texts";

/** The figures below `Gateway`, as the room's README lists them. */
export const healthNodes: readonly HealthNode<GatewayStatus>[] = [
  { path: "Verdict", type: "String", value: (s) => s.verdict },
  { path: "Summary", type: "String", value: (s) => s.summary },
  { path: "Id", type: "String", value: (s) => s.id },
  { path: "Name", type: "String", value: (s) => s.name },
  { path: "Site", type: "String", value: (s) => s.site },
  { path: "Version", type: "String", value: (s) => s.version },
  { path: "StartTime", type: "Time", value: (s) => s.startedUs },
  { path: "SamplesPerSecond", type: "Double", value: (s) => s.tags.samplesPerSecond },
  { path: "Samples", type: "Count", value: (s) => s.tags.samplesLive },
  { path: "SamplesBackfilled", type: "Count", value: (s) => s.tags.samplesBackfill },
  { path: "MemoryBytes", type: "Count", value: (s) => s.process.rssBytes },
  { path: "Tags/Total", type: "UInt32", value: (s) => s.tags.total },
  { path: "Tags/Good", type: "UInt32", value: (s) => s.tags.good },
  { path: "Tags/Uncertain", type: "UInt32", value: (s) => s.tags.uncertain },
  { path: "Tags/Bad", type: "UInt32", value: (s) => s.tags.bad },
  { path: "Tags/Waiting", type: "UInt32", value: (s) => s.tags.waiting },
  { path: "Sessions/Current", type: "UInt32", value: (s) => s.opcua?.sessions ?? null },
  { path: "Sessions/Limit", type: "UInt32", value: (s) => s.opcua?.maxSessions ?? null },
  { path: "Sessions/Subscriptions", type: "UInt32", value: (s) => s.opcua?.subscriptions ?? null },
  { path: "Sessions/MonitoredItems", type: "UInt32", value: (s) => s.opcua?.monitoredItems ?? null },
  { path: "Sessions/RejectedLogins", type: "Count", value: (s) => s.opcua?.rejectedLogins ?? null },
  { path: "Sessions/CertificateExpires", type: "Time", value: (s) => s.opcua?.certificateNotAfterUs ?? null },
  { path: "History/Rows", type: "Count", value: (s) => s.history.rowsWritten },
  { path: "History/RowsPending", type: "UInt32", value: (s) => s.history.rowsPending },
  { path: "History/RowsPruned", type: "Count", value: (s) => s.history.rowsPruned },
  { path: "History/FileBytes", type: "Count", value: (s) => s.history.fileBytes },
  { path: "History/Series", type: "UInt32", value: (s) => s.history.series },
  { path: "History/LastWrite", type: "Time", value: (s) => s.history.lastWriteUs },
  { path: "History/LastBackup", type: "Time", value: (s) => s.history.lastBackupUs },
  { path: "History/Integrity", type: "String", value: (s) => s.history.integrity },
  { path: "Alarms/Total", type: "UInt32", value: (s) => s.alarms.total },
  { path: "Alarms/Active", type: "UInt32", value: (s) => s.alarms.active },
  { path: "Alarms/Unacknowledged", type: "UInt32", value: (s) => s.alarms.unacknowledged },
  { path: "Alarms/Shelved", type: "UInt32", value: (s) => s.alarms.shelved },
  { path: "Faults/Active", type: "UInt32", value: (s) => s.faults.length },
  {
    path: "Faults/List",
    type: "Texts",
    value: (s) =>
      s.faults.map(({ severity, code, subject, detail }) =>
        `${severity} ${code}${subject === "" ? "" : ` [${subject}]`}: ${detail}`
      ),
  },
];

/** The figures below `Gateway/Sources/<name>`, for each source. */
export const sourceNodes: readonly HealthNode<SourceStatus>[] = [
  { path: "State", type: "String", value: (s) => s.state },
  { path: "Mode", type: "String", value: (s) => s.mode },
  { path: "Address", type: "String", value: (s) => s.address },
  { path: "Since", type: "Time", value: (s) => s.sinceUs },
  { path: "Devices", type: "UInt32", value: (s) => s.devices },
  { path: "DevicesStreaming", type: "UInt32", value: (s) => s.devicesStreaming },
  { path: "Events", type: "Count", value: (s) => s.events },
  { path: "DecodingErrors", type: "Count", value: (s) => s.decodingErrors },
  { path: "Reconnects", type: "Count", value: (s) => s.reconnects },
  { path: "LastEvent", type: "Time", value: (s) => s.lastEventUs },
  { path: "LastError", type: "String", value: (s) => s.lastError },
];

/** Keeps the gateway's own nodes equal to its status. */
export interface HealthNodes {
  /** Writes what changed since the last call. */
  refresh(status: GatewayStatus): void;
}

/** Adds the nodes below `gatewayFolder` (NodeId `Gateway`). Sources appear with the first status that names them. */
export function addHealthNodes(space: AddressSpace, namespace: Namespace, gatewayFolder: UAObject): HealthNodes {
  const gateway = addGroup(namespace, gatewayFolder, "Gateway", healthNodes);
  const sourcesFolder = addFolder(namespace, gatewayFolder, "Gateway/Sources", "Sources");
  const sources = new Map<string, { readonly folder: UAObject; readonly write: (status: SourceStatus) => void }>();

  return {
    refresh(status) {
      gateway(status);
      for (const source of status.sources) {
        let known = sources.get(source.name);
        if (known === undefined) {
          const id = `Gateway/Sources/${source.name}`;
          const folder = inOneChange(space, () => addFolder(namespace, sourcesFolder, id, source.name));
          known = { folder, write: addGroup(namespace, folder, id, sourceNodes) };
          sources.set(source.name, known);
        }
        known.write(source);
      }
      for (const [name, { folder }] of sources) {
        if (status.sources.some((source) => source.name === name)) continue;
        sources.delete(name);
        space.modelChangeTransaction(() => namespace.deleteNode(folder));
      }
    },
  };
}

function inOneChange<T>(space: AddressSpace, make: () => T): T {
  let made: { value: T } | undefined;
  space.modelChangeTransaction(() => made = { value: make() });
  if (made === undefined) throw new Error("Cannot change the address space as the transaction did not run");
  return (made as { value: T }).value;
}

/** Adds the variables of a list and returns what writes them, each only when its value changed. */
function addGroup<T>(
  namespace: Namespace,
  folder: UAObject,
  folderId: string,
  nodes: readonly HealthNode<T>[],
): (status: T) => void {
  const folders = new Map<string, UAObject>();
  const written = nodes.map((node) => {
    const [group, name] = node.path.includes("/") ? node.path.split("/") : ["", node.path];
    let parent = folder;
    if (group) {
      parent = folders.get(group) ?? addFolder(namespace, folder, `${folderId}/${group}`, group);
      folders.set(group, parent);
    }
    const variable = namespace.addVariable({
      nodeId: `s=${folderId}/${node.path}`,
      browseName: name ?? node.path,
      componentOf: parent,
      ...types[node.type],
      ...READ_ONLY,
    });
    return { node, variable, last: undefined as string | undefined };
  });
  return (status) => {
    for (const entry of written) {
      const value = entry.node.value(status);
      const key = JSON.stringify(value);
      if (key === entry.last) continue;
      entry.last = key;
      write(entry.variable, entry.node.type, value);
    }
  };
}

const types: Readonly<Record<HealthType, { dataType: string; valueRank?: number }>> = {
  String: { dataType: "String" },
  Double: { dataType: "Double" },
  UInt32: { dataType: "UInt32" },
  Count: { dataType: "UInt64" },
  Time: { dataType: "UtcTime" },
  Texts: { dataType: "String", valueRank: 1 },
};

function write(variable: UAVariable, type: HealthType, value: string | number | readonly string[] | null): void {
  variable.setValueFromSource(value === null ? new Variant({ dataType: DataType.Null }) : variantOf(type, value));
}

function variantOf(type: HealthType, value: string | number | readonly string[]): Variant {
  switch (type) {
    case "Texts":
      return new Variant({ dataType: DataType.String, arrayType: VariantArrayType.Array, value });
    case "Count":
      return scalar(DataType.UInt64, int64Words(Math.max(0, Math.floor(Number(value)))));
    case "Time":
      return scalar(DataType.DateTime, new Date(Math.floor(Number(value) / 1000)));
    default:
      return scalar(DataType[type], value);
  }
}
