import { AggregateFunction, DataType, type DataValue, type NodeId } from "node-opcua";
import { type AggregateName, aggregates } from "../../history/aggregate_query.ts";
import type { DataTypeName, MetricType, Value } from "../../tags/tag.ts";
import { dataValue, scalar } from "../space/data_values.ts";
import { statusCodeOf } from "../space/status_codes.ts";

const byNumber = new Map<number, AggregateName>(
  (Object.keys(aggregates) as AggregateName[]).map((name) => [AggregateFunction[name], name]),
);

/** The node number (namespace 0) of each aggregate function that is offered. */
export const aggregateNumbers: readonly number[] = [...byNumber.keys()];

/** The aggregate behind the NodeId of a function (OPC 10000-13 §4.2.2), or `undefined` when it is not offered. */
export function aggregateOf(nodeId: Pick<NodeId, "namespace" | "value">): AggregateName | undefined {
  return nodeId.namespace === 0 && typeof nodeId.value === "number" ? byNumber.get(nodeId.value) : undefined;
}

/** Whether an aggregate says something of a tag of this type. */
export function isAggregateOf(aggregate: AggregateName, type: MetricType): boolean {
  switch (aggregates[aggregate].input) {
    case "any":
      return true;
    case "number_or_bool":
      return type !== "String";
    case "number":
      return type === "Int" || type === "Float";
    case "stepped_number":
      return isStepped(type) && type !== "String";
  }
}

/** Whether the values of a tag hold until the next one: everything but Float, whose values lie on lines. */
export function isStepped(type: MetricType): boolean {
  return type !== "Float";
}

/** A computed value in the type that the aggregate's table asks for. A time of 0 is left out. */
export function computedValue(
  aggregate: AggregateName,
  value: Value,
  status: number,
  sourceUs: number,
  serverUs: number,
  dataType: DataTypeName,
): DataValue {
  const { result } = aggregates[aggregate];
  if (result === "source") return dataValue(value, status, sourceUs, serverUs, dataType);
  const computed = dataValue(null, status, sourceUs, serverUs, "Double");
  if (typeof value !== "number") return computed;
  if (result === "status") computed.value = scalar(DataType.StatusCode, statusCodeOf(value));
  else computed.value = scalar(result === "count" ? DataType.Int32 : DataType.Double, value);
  return computed;
}
