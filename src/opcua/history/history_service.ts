import {
  type DataValue,
  HistoryData,
  type HistoryReadDetails,
  type HistoryReadRequest,
  HistoryReadResult,
  type HistoryReadValueId,
  type ISessionContext,
  ReadAtTimeDetails,
  ReadEventDetails,
  ReadProcessedDetails,
  ReadRawModifiedDetails,
  StatusCode,
  StatusCodes,
  TimestampsToReturn,
} from "node-opcua";
import { getLogger } from "@logtape/logtape";
import { peerAddress } from "../../config/address.ts";
import { type HistoryQueries, HistoryUnavailableError } from "../../history/history.ts";
import { dataValue } from "../space/data_values.ts";
import type { TagNode, TagNodes } from "../space/tag_nodes.ts";
import { type AtTimeScan, beginAtTime, hasSameTimes, readAtTimePage, requestedTimes } from "./at_time_scan.ts";
import { ContinuationPoints } from "./continuation_points.ts";
import type { EventHistory } from "./event_history.ts";
import { beginProcessed, type ProcessedScan, readProcessedPage } from "./processed_scan.ts";
import { beginScan, type RawRange, type RawRow, type RawScan, readPage } from "./raw_scan.ts";
import { requestedTimeUs } from "./requested_time.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** Values in one response, of all its nodes: keeps it below the message size. Nodes beyond it get a continuation point. */
const MAX_VALUES_PER_RESPONSE = 200_000;

/** What the history service needs. */
export interface HistoryServiceOptions {
  readonly nodes: TagNodes;
  readonly queries: HistoryQueries;
  readonly events: EventHistory;
  /** Values a node and page (`max_history_data_results_per_node`). */
  readonly maxValuesPerNode: number;
  readonly namespaceIndex: number;
  readonly nowUs: () => number;
}

/** Answers HistoryRead from the stored rows. */
export interface HistoryService {
  read(context: ISessionContext, request: HistoryReadRequest): Promise<HistoryReadResult[]>;
  /** Forgets the continuation points of a session that ended and ends its reads. */
  release(session: object): void;
}

/** Where a read of one node stands. */
type Scan =
  | { readonly kind: "raw"; readonly tagId: RawScan["tagId"]; readonly raw: RawScan }
  | ProcessedScan
  | AtTimeScan;

/** One page. */
interface Page {
  readonly values: DataValue[];
  readonly next: Scan | null;
  /** False when nothing but missing bounds was found. */
  readonly found: boolean;
}

/** The details that this service answers; the times of ReadAtTime are made out once for all nodes. */
type Details =
  | { readonly kind: "raw"; readonly range: RawRange }
  | { readonly kind: "processed"; readonly details: ReadProcessedDetails }
  | {
    readonly kind: "at_time";
    readonly timesUs: Float64Array<ArrayBuffer>;
    readonly simpleBounds: boolean;
  };

/**
 * One hook for all nodes of a request, so that a node that cannot be read never fails its neighbours. Raw values, values
 * at times and aggregates; events go their own way, and everything else answers `BadHistoryOperationUnsupported`.
 */
export function historyService(options: HistoryServiceOptions): HistoryService {
  const points = new ContinuationPoints<Scan>(options.nowUs);
  const aborts = new Map<object, AbortController>();
  const signalOf = (session: object): AbortSignal => {
    let controller = aborts.get(session);
    if (controller === undefined) aborts.set(session, controller = new AbortController());
    return controller.signal;
  };

  return {
    async read(context, request) {
      const session = context.session ?? context;
      const nodesToRead = request.nodesToRead ?? [];
      const results: HistoryReadResult[] = [];
      const details = detailsOf(request.historyReadDetails);
      let left = MAX_VALUES_PER_RESPONSE;
      for (const [index, wanted] of nodesToRead.entries()) {
        if (request.historyReadDetails instanceof ReadEventDetails) {
          results.push(await options.events.read(wanted, request, session));
          continue;
        }
        if (request.releaseContinuationPoints) {
          const token = tokenOf(wanted);
          const gone = token !== null && points.take(session, token) === undefined;
          results.push(statusOnly(gone ? StatusCodes.BadContinuationPointInvalid : StatusCodes.Good));
          continue;
        }
        const node = nodeOf(wanted.nodeId);
        const refused = refusal(node, wanted, details, request.timestampsToReturn);
        if (node === undefined || details instanceof StatusCode || refused !== null) {
          results.push(statusOnly(refused ?? StatusCodes.BadNodeIdUnknown));
          continue;
        }
        const result = await readNode(node, wanted, details, index, Math.min(options.maxValuesPerNode, left));
        left -= (result.historyData as HistoryData | null)?.dataValues?.length ?? 0;
        results.push(result);
      }
      return results;

      async function readNode(
        node: TagNode,
        wanted: HistoryReadValueId,
        details: Details,
        index: number,
        cap: number,
      ): Promise<HistoryReadResult> {
        const token = tokenOf(wanted);
        const scan = token === null
          ? begin(node, details, index, nodesToRead.length)
          : resumed(points.take(session, token), node, details);
        if (scan instanceof StatusCode) return statusOnly(scan);
        try {
          const page = cap > 0
            ? await readOne(scan, node, details, cap, request.timestampsToReturn, signalOf(session))
            : { values: [], next: scan, found: true };
          return answer(page, session);
        } catch (error) {
          const result = failure(error, node, addressOf(context));
          // a failure that passes must not cost the client its place
          if (token !== null && result.statusCode.equals(StatusCodes.BadDataUnavailable)) {
            points.putBack(session, token, scan);
          }
          return result;
        }
      }
    },
    release(session) {
      points.release(session);
      options.events.release(session);
      aborts.get(session)?.abort();
      aborts.delete(session);
    },
  };

  function nodeOf(nodeId: { namespace: number; value: unknown }): TagNode | undefined {
    return nodeId.namespace === options.namespaceIndex && typeof nodeId.value === "string"
      ? options.nodes.get(nodeId.value)
      : undefined;
  }

  /** Why a node cannot be read, before anything is looked up. */
  function refusal(
    node: TagNode | undefined,
    { nodeId, indexRange, dataEncoding }: HistoryReadValueId,
    details: Details | StatusCode,
    timestamps: TimestampsToReturn,
  ): StatusCode | null {
    if (node === undefined) {
      return options.nodes.exists(nodeId.toString())
        ? StatusCodes.BadHistoryOperationUnsupported
        : StatusCodes.BadNodeIdUnknown;
    }
    if (node.definition.retentionDays === null) return StatusCodes.BadHistoryOperationUnsupported;
    if (details instanceof StatusCode) return details;
    if (timestamps === TimestampsToReturn.Neither) return StatusCodes.BadTimestampsToReturnInvalid;
    // an aggregate has the time of its interval and none of its arrival (OPC 10000-13 §5.4.3.1)
    if (details.kind === "processed" && timestamps === TimestampsToReturn.Server) {
      return StatusCodes.BadTimestampsToReturnInvalid;
    }
    if (indexRange && !indexRange.isEmpty()) return StatusCodes.BadIndexRangeNoData;
    if (dataEncoding?.name) return StatusCodes.BadDataEncodingInvalid;
    return null;
  }

  function begin(node: TagNode, details: Details, index: number, nodes: number): Scan | StatusCode {
    const tagId = node.tag.id;
    switch (details.kind) {
      case "raw": {
        const raw = beginScan(tagId, details.range);
        return raw === null ? StatusCodes.BadHistoryOperationInvalid : { kind: "raw", tagId, raw };
      }
      case "processed":
        return beginProcessed(details.details, index, nodes, node);
      case "at_time":
        return beginAtTime(tagId, details.timesUs);
    }
  }

  /** A continued read is one of the same node and kind, and of the same times. */
  function resumed(scan: Scan | undefined, node: TagNode, details: Details): Scan | StatusCode {
    const fits = scan !== undefined && scan.tagId === node.tag.id && scan.kind === details.kind;
    if (!fits) return StatusCodes.BadContinuationPointInvalid;
    const sameTimes = scan.kind !== "at_time" || details.kind !== "at_time" || hasSameTimes(scan, details.timesUs);
    return sameTimes ? scan : StatusCodes.BadContinuationPointInvalid;
  }

  async function readOne(
    scan: Scan,
    node: TagNode,
    details: Details,
    cap: number,
    timestamps: TimestampsToReturn,
    signal: AbortSignal,
  ): Promise<Page> {
    const { queries } = options;
    if (scan.kind === "processed") {
      return { ...await readProcessedPage(scan, cap, node, timestamps, queries, signal), found: true };
    }
    if (scan.kind === "at_time") {
      const { timesUs, simpleBounds } = details as Extract<Details, { kind: "at_time" }>;
      const page = await readAtTimePage(scan, timesUs, simpleBounds, cap, node, timestamps, queries, signal);
      return { ...page, found: true };
    }
    const { rows, next, found } = await readPage(scan.raw, cap, queries, signal);
    return {
      values: rows.map((row) => rowValue(row, node, timestamps)),
      next: next === null ? null : { ...scan, raw: next },
      found,
    };
  }

  function answer({ values, next, found }: Page, session: object): HistoryReadResult {
    const result = new HistoryReadResult({ statusCode: found ? StatusCodes.Good : StatusCodes.GoodNoData });
    if (next !== null) {
      const token = points.add(session, next);
      if (token === null) return statusOnly(StatusCodes.BadNoContinuationPoints);
      result.continuationPoint = token;
    }
    const data = new HistoryData({});
    data.dataValues = values;
    result.historyData = data;
    return result;
  }
}

function addressOf({ session }: ISessionContext): string {
  return peerAddress((session?.channel as { remoteAddress?: string } | undefined)?.remoteAddress);
}

function failure(error: unknown, node: TagNode, sourceIp: string): HistoryReadResult {
  if (error instanceof HistoryUnavailableError) return statusOnly(StatusCodes.BadDataUnavailable);
  if (error instanceof DOMException && error.name === "AbortError") return statusOnly(StatusCodes.BadSessionClosed);
  log.error("Cannot read the history of {tag} for an OPC UA client: {error}", {
    event: "opcua_history_read_failed",
    source_ip: sourceIp,
    tag: node.tag.id,
    error: error instanceof Error ? error.message : String(error),
  });
  return statusOnly(StatusCodes.BadInternalError);
}

/** What is to be read of every node, or the status of all of them. */
function detailsOf(details: HistoryReadDetails | null | undefined): Details | StatusCode {
  if (details instanceof ReadRawModifiedDetails && !details.isReadModified) {
    return { kind: "raw", range: rangeOf(details) };
  }
  if (details instanceof ReadProcessedDetails) return { kind: "processed", details };
  if (details instanceof ReadAtTimeDetails) {
    const timesUs = requestedTimes(details);
    return timesUs instanceof StatusCode
      ? timesUs
      : { kind: "at_time", timesUs, simpleBounds: details.useSimpleBounds };
  }
  return StatusCodes.BadHistoryOperationUnsupported;
}

function tokenOf({ continuationPoint }: HistoryReadValueId): Uint8Array | null {
  return continuationPoint && continuationPoint.length > 0 ? continuationPoint : null;
}

function rowValue(row: RawRow, node: TagNode, timestamps: TimestampsToReturn): DataValue {
  const source = timestamps !== TimestampsToReturn.Server ? row.timeUs : 0;
  const server = timestamps !== TimestampsToReturn.Source ? row.serverTimeUs : 0;
  return dataValue(row.value, row.quality, source, server, node.dataType);
}

function statusOnly(statusCode: StatusCode): HistoryReadResult {
  return new HistoryReadResult({ statusCode });
}

function rangeOf(details: ReadRawModifiedDetails): RawRange {
  return {
    startUs: requestedTimeUs(details.startTime, Math.floor),
    endUs: requestedTimeUs(details.endTime, Math.ceil),
    count: details.numValuesPerNode,
    bounds: details.returnBounds,
  };
}
