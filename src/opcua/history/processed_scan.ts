import { type AggregateConfiguration, type ReadProcessedDetails, type StatusCode, StatusCodes } from "node-opcua";
import {
  type AggregateConfiguration as Configuration,
  type AggregateName,
  defaultAggregateConfiguration,
  intervalCount,
} from "../../history/aggregate_query.ts";
import type { HistoryQueries } from "../../history/history.ts";
import type { TagId } from "../../tags/tag.ts";
import type { TagNode } from "../space/tag_nodes.ts";
import { aggregateOf, isAggregateOf, isStepped } from "./aggregate_functions.ts";
import { computedColumns } from "./computed_columns.ts";
import type { ValueColumns } from "./data_value_encoder.ts";
import { requestedTimeUs } from "./requested_time.ts";

/** How far a ReadProcessed of one node has come: all that a continuation point keeps. */
export interface ProcessedScan {
  readonly kind: "processed";
  readonly tagId: TagId;
  readonly aggregate: AggregateName;
  readonly startUs: number;
  readonly endUs: number;
  readonly intervalUs: number;
  /** The next interval. */
  readonly first: number;
  readonly stepped: boolean;
  readonly configuration: Configuration;
}

/**
 * Begins the read of the node at `index` of a request (OPC 10000-11 §6.5.4.2), or says why it cannot be done.
 * `nodes`: how many the request names; each has an aggregate of its own.
 */
export function beginProcessed(
  details: ReadProcessedDetails,
  index: number,
  nodes: number,
  node: TagNode,
): ProcessedScan | StatusCode {
  const types = details.aggregateType ?? [];
  if (types.length !== nodes) return StatusCodes.BadAggregateListMismatch;
  const wanted = types[index];
  const aggregate = wanted === undefined ? undefined : aggregateOf(wanted);
  const { type, id: tagId } = node.definition;
  if (aggregate === undefined || !isAggregateOf(aggregate, type)) return StatusCodes.BadAggregateNotSupported;
  const configuration = configurationOf(details.aggregateConfiguration);
  if (configuration === null) return StatusCodes.BadAggregateConfigurationRejected;
  const startUs = requestedTimeUs(details.startTime, Math.floor);
  const endUs = requestedTimeUs(details.endTime, Math.floor);
  const intervalUs = Math.round(details.processingInterval * 1000);
  const isWidth = Number.isSafeInteger(intervalUs) && intervalUs >= (details.processingInterval === 0 ? 0 : 1);
  if (startUs === null || endUs === null || startUs === endUs || !isWidth) return StatusCodes.BadInvalidArgument;
  return {
    kind: "processed",
    tagId,
    aggregate,
    startUs,
    endUs,
    intervalUs,
    first: 0,
    stepped: isStepped(type),
    configuration,
  };
}

/**
 * The configuration of a request, or `null` when its percentages contradict each other (OPC 10000-13 §4.2.1.2: good at
 * least 100 − bad, both at most 100).
 */
function configurationOf(asked: AggregateConfiguration | null | undefined): Configuration | null {
  if (!asked || asked.useServerCapabilitiesDefaults) return defaultAggregateConfiguration;
  const { treatUncertainAsBad, percentDataBad, percentDataGood, useSlopedExtrapolation } = asked;
  if (percentDataBad > 100 || percentDataGood > 100 || percentDataGood < 100 - percentDataBad) return null;
  return { treatUncertainAsBad, percentDataBad, percentDataGood, useSlopedExtrapolation };
}

/** Reads the next page, at most `cap` intervals. */
export async function readProcessedPage(
  scan: ProcessedScan,
  cap: number,
  queries: HistoryQueries,
  signal: AbortSignal,
): Promise<{ parts: ValueColumns[]; next: ProcessedScan | null }> {
  const { kind: _, ...query } = scan;
  const page = await queries.readProcessed({ ...query, limit: cap }, signal);
  const first = scan.first + page.count;
  const more = page.count > 0 && first < intervalCount(scan.startUs, scan.endUs, scan.intervalUs);
  return { parts: [computedColumns(page)], next: more ? { ...scan, first } : null };
}
