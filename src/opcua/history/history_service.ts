import {
  type DataValue,
  HistoryData,
  type HistoryReadRequest,
  HistoryReadResult,
  type ISessionContext,
  ReadEventDetails,
  ReadRawModifiedDetails,
  type StatusCode,
  StatusCodes,
  TimestampsToReturn,
} from "node-opcua";
import { getLogger } from "@logtape/logtape";
import { type HistoryQueries, HistoryUnavailableError } from "../../history/history.ts";
import type { EventHistory } from "./event_history.ts";
import { ContinuationPoints } from "./continuation_points.ts";
import { dataValue } from "../space/data_values.ts";
import { beginScan, type RawRange, type RawRow, type RawScan, readPage } from "./raw_scan.ts";
import type { TagNode, TagNodes } from "../space/tag_nodes.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** Values in one response, of all its nodes: keeps it below the message size. Nodes beyond it get a continuation point. */
const MAX_VALUES_PER_RESPONSE = 200_000;
/** `DateTime.MinValue` on the wire, 1601-01-01, means "not specified"; so does anything before it. */
const MIN_DATE_MS = Date.UTC(1601, 0, 1);

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

/**
 * One hook for all nodes of a request, so that a node that cannot be read never fails its neighbours. Raw values only:
 * everything else answers `BadHistoryOperationUnsupported`.
 */
export function historyService(options: HistoryServiceOptions): HistoryService {
  const points = new ContinuationPoints<RawScan>(options.nowUs);
  const aborts = new Map<object, AbortController>();
  const signalOf = (session: object): AbortSignal => {
    let controller = aborts.get(session);
    if (controller === undefined) aborts.set(session, controller = new AbortController());
    return controller.signal;
  };

  return {
    async read(context, request) {
      const session = context.session ?? context;
      const results: HistoryReadResult[] = [];
      let left = MAX_VALUES_PER_RESPONSE;
      for (const wanted of request.nodesToRead ?? []) {
        if (request.historyReadDetails instanceof ReadEventDetails) {
          results.push(await options.events.read(wanted, request, session));
          continue;
        }
        const token = wanted.continuationPoint;
        const resumes = token !== null && token !== undefined && token.length > 0;
        const released = resumes && request.releaseContinuationPoints ? points.take(session, token) : undefined;
        if (request.releaseContinuationPoints) {
          results.push(statusOnly(
            resumes && released === undefined ? StatusCodes.BadContinuationPointInvalid : StatusCodes.Good,
          ));
          continue;
        }
        const node = nodeOf(wanted.nodeId);
        const refused = refusal(node, wanted.nodeId, request, wanted.indexRange);
        if (node === undefined || refused !== null) {
          results.push(statusOnly(refused ?? StatusCodes.BadNodeIdUnknown));
          continue;
        }
        const scan = resumes
          ? points.take(session, token)
          : beginScan(node.tag.id, rangeOf(request.historyReadDetails as ReadRawModifiedDetails));
        if (!scan || scan.tagId !== node.tag.id) {
          results.push(statusOnly(
            resumes ? StatusCodes.BadContinuationPointInvalid : StatusCodes.BadHistoryOperationInvalid,
          ));
          continue;
        }
        const result = await readNode(node, scan, Math.min(options.maxValuesPerNode, left), session, request);
        // a failure that passes must not cost the client its place
        if (resumes && result.statusCode.equals(StatusCodes.BadDataUnavailable)) points.putBack(session, token, scan);
        left -= (result.historyData as HistoryData | null)?.dataValues?.length ?? 0;
        results.push(result);
      }
      return results;
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
    nodeId: { namespace: number; toString(): string },
    request: HistoryReadRequest,
    indexRange: { isEmpty(): boolean } | null | undefined,
  ): StatusCode | null {
    if (node === undefined) {
      return options.nodes.exists(nodeId.toString())
        ? StatusCodes.BadHistoryOperationUnsupported
        : StatusCodes.BadNodeIdUnknown;
    }
    const details = request.historyReadDetails;
    if (!(details instanceof ReadRawModifiedDetails) || details.isReadModified) {
      return StatusCodes.BadHistoryOperationUnsupported;
    }
    if (node.definition.retentionDays === null) return StatusCodes.BadHistoryOperationUnsupported;
    if (request.timestampsToReturn === TimestampsToReturn.Neither) return StatusCodes.BadTimestampsToReturnInvalid;
    if (indexRange && !indexRange.isEmpty()) return StatusCodes.BadIndexRangeNoData;
    return null;
  }

  async function readNode(
    node: TagNode,
    scan: RawScan,
    cap: number,
    session: object,
    request: HistoryReadRequest,
  ): Promise<HistoryReadResult> {
    try {
      const { rows, next, found } = cap > 0
        ? await readPage(scan, cap, options.queries, signalOf(session))
        : { rows: [], next: scan, found: true };
      const result = new HistoryReadResult({ statusCode: found ? StatusCodes.Good : StatusCodes.GoodNoData });
      if (next !== null) {
        const token = points.add(session, next);
        if (token === null) return statusOnly(StatusCodes.BadNoContinuationPoints);
        result.continuationPoint = token;
      }
      const data = new HistoryData({});
      data.dataValues = rows.map((row) => rowValue(row, node, request.timestampsToReturn));
      result.historyData = data;
      return result;
    } catch (error) {
      if (error instanceof HistoryUnavailableError) return statusOnly(StatusCodes.BadDataUnavailable);
      if (error instanceof DOMException && error.name === "AbortError") return statusOnly(StatusCodes.BadSessionClosed);
      log.error("Cannot read the history of {tag} for an OPC UA client: {error}", {
        event: "opcua_history_read_failed",
        tag: node.tag.id,
        error: error instanceof Error ? error.message : String(error),
      });
      return statusOnly(StatusCodes.BadInternalError);
    }
  }
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
    startUs: timeUs(details.startTime, Math.floor),
    endUs: timeUs(details.endTime, Math.ceil),
    count: details.numValuesPerNode,
    bounds: details.returnBounds,
  };
}

/**
 * A requested time in µs. It arrives in steps of 100 ns, of which node-opcua hangs what a Date cannot hold on it as
 * `picoseconds`: the start is rounded down and the end up, so that no stored row falls out at the edge.
 */
function timeUs(time: Date | null, round: (value: number) => number): number | null {
  if (time === null || time === undefined) return null;
  const ms = time.getTime();
  if (Number.isNaN(ms) || ms <= MIN_DATE_MS) return null;
  const picoseconds = (time as Date & { picoseconds?: number }).picoseconds ?? 0;
  return ms * 1000 + round(picoseconds / 1_000_000);
}
