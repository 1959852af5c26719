import {
  type AddressSpace,
  DataType,
  type Namespace,
  ObjectIds,
  ObjectTypeIds,
  ReferenceTypeIds,
  type UAObject,
  type UAVariable,
} from "node-opcua";
import { defaultAggregateConfiguration } from "../../history/aggregate_query.ts";
import type { TagDefinition } from "../../tags/tag.ts";
import { READ_ONLY } from "../space/folders.ts";
import { aggregateNumbers, isStepped } from "./aggregate_functions.ts";

const HAS_HISTORICAL_CONFIGURATION = `i=${ReferenceTypeIds.HasHistoricalConfiguration}`;

/** Keeps the reference of a tag's variable to the object that says how its history is to be read. */
export interface HistoryConfiguration {
  /** Sets, changes or takes away the reference, after what the definition says. */
  apply(variable: UAVariable, definition: TagDefinition): void;
}

/**
 * Says in the address space how history is read: which aggregates there are, and for each historised variable its `HA
 * Configuration` (OPC 10000-11 §5.2.2) with Stepped and the AggregateConfiguration. There are two of those, one for values that hold
 * until the next and one for values on lines, which all variables share: an object for each would be nine nodes a tag.
 */
export function historyConfiguration(space: AddressSpace, namespace: Namespace): HistoryConfiguration {
  offerAggregates(space);
  const stepped = addConfiguration(namespace, true);
  const sloped = addConfiguration(namespace, false);
  return {
    apply(variable, { retentionDays, type }) {
      const wanted = retentionDays === null ? null : isStepped(type) ? stepped : sloped;
      for (const other of [stepped, sloped]) {
        const link = { referenceType: HAS_HISTORICAL_CONFIGURATION, nodeId: other.nodeId, isForward: true };
        const linked = variable.findReferencesEx("HasHistoricalConfiguration")
          .some(({ nodeId }) => nodeId.toString() === other.nodeId.toString());
        if (linked === (other === wanted)) continue;
        if (linked) variable.removeReference(link);
        else variable.addReference(link);
      }
    },
  };
}

/** Lists the aggregate functions where clients look for them (OPC 10000-13 §4.4). */
function offerAggregates(space: AddressSpace): void {
  const folders = [
    ObjectIds.Server_ServerCapabilities_AggregateFunctions,
    ObjectIds.HistoryServerCapabilities_AggregateFunctions,
  ];
  for (const folder of folders) {
    const node = space.findNode(`i=${folder}`);
    if (node === null) throw new Error(`Cannot list the aggregates as the standard's folder i=${folder} is missing`);
    for (const number of aggregateNumbers) {
      node.addReference({ referenceType: "Organizes", nodeId: `i=${number}`, isForward: true });
    }
  }
}

function addConfiguration(namespace: Namespace, stepped: boolean): UAObject {
  const id = `$history/${stepped ? "stepped" : "sloped"}`;
  const configuration = namespace.addObject({
    nodeId: `s=${id}`,
    browseName: { name: "HA Configuration", namespaceIndex: 0 },
    typeDefinition: `i=${ObjectTypeIds.HistoricalDataConfigurationType}`,
  });
  const aggregate = namespace.addObject({
    nodeId: `s=${id}/AggregateConfiguration`,
    browseName: { name: "AggregateConfiguration", namespaceIndex: 0 },
    typeDefinition: `i=${ObjectTypeIds.AggregateConfigurationType}`,
    componentOf: configuration,
  });
  const property = (of: UAObject, name: string, dataType: DataType, value: boolean | number) => {
    namespace.addVariable({
      nodeId: `s=${id}/${name}`,
      browseName: { name, namespaceIndex: 0 },
      propertyOf: of,
      dataType,
      value: { dataType, value },
      ...READ_ONLY,
    });
  };
  const { treatUncertainAsBad, percentDataBad, percentDataGood, useSlopedExtrapolation } =
    defaultAggregateConfiguration;
  property(configuration, "Stepped", DataType.Boolean, stepped);
  property(configuration, "ServerTimestampSupported", DataType.Boolean, true);
  property(aggregate, "TreatUncertainAsBad", DataType.Boolean, treatUncertainAsBad);
  property(aggregate, "PercentDataBad", DataType.Byte, percentDataBad);
  property(aggregate, "PercentDataGood", DataType.Byte, percentDataGood);
  property(aggregate, "UseSlopedExtrapolation", DataType.Boolean, useSlopedExtrapolation);
  return configuration;
}
