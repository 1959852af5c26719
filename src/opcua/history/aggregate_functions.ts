import { AggregateFunction, type NodeId } from "node-opcua";
import { type AggregateName, aggregates } from "../../history/aggregate_query.ts";
import type { DataTypeName, MetricType } from "../../tags/tag.ts";
import type { EncodedType } from "./data_value_encoder.ts";

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

/** The type of an aggregate's values, of a variable of `dataType`. */
export function resultTypeOf(aggregate: AggregateName, dataType: DataTypeName): EncodedType {
  switch (aggregates[aggregate].result) {
    case "source":
      return dataType;
    case "count":
      return "Int32";
    case "status":
      return "StatusCode";
    case "double":
    case "duration":
      return "Double";
  }
}
