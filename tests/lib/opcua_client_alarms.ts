import { Buffer } from "node:buffer";
import {
  AttributeIds,
  type ClientMonitoredItem,
  type ClientSession,
  type ClientSubscription,
  ContentFilter,
  ContentFilterElement,
  DataType,
  ElementOperand,
  EventFilter,
  FilterOperator,
  HistoryReadRequest,
  LiteralOperand,
  LocalizedText,
  ReadEventDetails,
  resolveNodeId,
  SimpleAttributeOperand,
  type StatusCodes,
  TimestampsToReturn,
  Variant,
} from "node-opcua";
import type {
  AlarmItemParams,
  EventField,
  EventHistoryParams,
  EventRow,
  EventWhere,
  InvokeParams,
  WireEventHistory,
} from "./opcua_client_process.ts";

const BASE_EVENT_TYPE = resolveNodeId("i=2041");
const CONDITION_TYPE = resolveNodeId("i=2782");

/** Events by the monitored item that they came for. */
const rows = new Map<string, EventRow[]>();
let received = 0;

/** Monitors the events of a node. */
export async function monitorEvents(subscription: ClientSubscription | undefined, params: AlarmItemParams) {
  if (subscription === undefined) throw new Error("no such subscription");
  const { fields, where } = params;
  const item = await subscription.monitor(
    { nodeId: params.node, attributeId: AttributeIds.EventNotifier },
    {
      samplingInterval: 0,
      queueSize: params.queueSize ?? 1000,
      discardOldest: params.discardOldest ?? true,
      filter: filterOf(fields, where),
    },
    TimestampsToReturn.Both,
  ) as ClientMonitoredItem;
  const key = `${params.id}/${item.monitoredItemId}`;
  const kept: EventRow[] = [];
  rows.set(key, kept);
  item.on("changed", (values: unknown) => {
    received++;
    kept.push(rowOf(fields, values as Variant[]));
  });
  return {
    item: item.monitoredItemId as number,
    status: item.statusCode.name,
    queueSize: item.result?.revisedQueueSize ?? -1,
  };
}

/** The events that an item got since the last call. */
export function takeEvents(id: number, item: number): EventRow[] {
  return rows.get(`${id}/${item}`)?.splice(0) ?? [];
}

/** Events received for all items since the start. */
export function eventCount(): number {
  return received;
}

/** Calls a method with typed arguments. */
export async function invoke(session: ClientSession, { object, method, args }: InvokeParams) {
  const result = await session.call({
    objectId: object,
    methodId: method,
    inputArguments: (args ?? []).map(([type, value]) =>
      new Variant({ dataType: DataType[type], value: typed(type, value) })
    ),
  });
  return {
    status: result.statusCode.name,
    inputs: (result.inputArgumentResults ?? []).map((status) => status.name),
  };
}

/** Reads the history of events. */
export async function readEventHistory(
  send: <T>(request: unknown) => Promise<T>,
  params: EventHistoryParams,
): Promise<WireEventHistory[]> {
  const date = (ms: number | null | undefined) => ms === null || ms === undefined ? undefined : new Date(ms);
  const request = new HistoryReadRequest({
    historyReadDetails: new ReadEventDetails({
      startTime: date(params.startMs),
      endTime: date(params.endMs),
      numValuesPerNode: params.count ?? 0,
      filter: filterOf(params.fields, params.where),
    }),
    timestampsToReturn: TimestampsToReturn.Both,
    releaseContinuationPoints: params.release ?? false,
    nodesToRead: params.nodes.map((nodeId, i) => ({
      nodeId,
      continuationPoint: Buffer.from(params.continuationPoints?.[i] ?? "", "hex"),
    })),
  });
  const response = await send<{
    results: {
      statusCode: { name: string };
      continuationPoint: Uint8Array | null;
      historyData: { events?: { eventFields: Variant[] }[] } | null;
    }[];
  }>(request);
  return response.results.map(({ statusCode, continuationPoint, historyData }) => ({
    status: statusCode.name,
    continuationPoint: continuationPoint ? Buffer.from(continuationPoint).toString("hex") : "",
    events: (historyData?.events ?? []).map(({ eventFields }) => rowOf(params.fields, eventFields)),
  }));
}

function filterOf(fields: readonly string[], where: EventWhere | undefined): EventFilter {
  const elements: ContentFilterElement[] = [];
  if (where !== undefined) addElement(where, elements);
  return new EventFilter({ selectClauses: fields.map(operandOf), whereClause: new ContentFilter({ elements }) });
}

/** Elements refer to those behind them by their index (OPC 10000-4 §7.7.1). */
function addElement(where: EventWhere, elements: ContentFilterElement[]): number {
  const index = elements.length;
  const element = new ContentFilterElement({ filterOperator: FilterOperator[where.op] });
  elements.push(element);
  element.filterOperands = "of" in where
    ? where.of.map((part) => new ElementOperand({ index: addElement(part, elements) }))
    : [
      ...where.field === undefined ? [] : [operandOf(where.field)],
      ...where.values.map(([type, value]) =>
        new LiteralOperand({ value: new Variant({ dataType: DataType[type], value: typed(type, value) }) })
      ),
    ];
  return index;
}

function operandOf(field: string): SimpleAttributeOperand {
  return field === "ConditionId"
    ? new SimpleAttributeOperand({ typeDefinitionId: CONDITION_TYPE, browsePath: [], attributeId: AttributeIds.NodeId })
    : new SimpleAttributeOperand({
      typeDefinitionId: BASE_EVENT_TYPE,
      browsePath: field.split("/").map((name) => ({ namespaceIndex: 0, name })),
      attributeId: AttributeIds.Value,
    });
}

function typed(type: keyof typeof DataType, value: unknown): unknown {
  if (value === null) return null;
  if (type === "ByteString") return Buffer.from(String(value), "hex");
  if (type === "LocalizedText") return new LocalizedText({ locale: "en", text: String(value) });
  if (type === "NodeId") return resolveNodeId(String(value));
  return value;
}

function rowOf(fields: readonly string[], values: readonly Variant[]): EventRow {
  return Object.fromEntries(fields.map((field, i) => [field, fieldOf(values[i])]));
}

function fieldOf(variant: Variant | undefined): EventField {
  const value: unknown = variant?.value;
  if (value === null || value === undefined) return null;
  switch (variant?.dataType) {
    case DataType.ByteString:
      return Buffer.from(value as Uint8Array).toString("hex");
    case DataType.NodeId:
      return String(value);
    case DataType.LocalizedText:
      return (value as LocalizedText).text ?? null;
    case DataType.StatusCode:
      return `status:${(value as typeof StatusCodes.Good).name}`;
    case DataType.DateTime: {
      const date = value as Date & { picoseconds?: number };
      return date.getTime() * 1000 + Math.round((date.picoseconds ?? 0) / 1e6);
    }
    default:
      return value as EventField;
  }
}
