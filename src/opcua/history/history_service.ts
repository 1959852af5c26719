import {
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
import { setImmediate } from "node:timers/promises";
import { getLogger } from "@logtape/logtape";
import { peerAddress } from "../../config/address.ts";
import { type HistoryQueries, HistoryUnavailableError } from "../../history/history.ts";
import type { EncodedHistoryData } from "../library/encoded_history.ts";
import type { TagNode, TagNodes } from "../space/tag_nodes.ts";
import { resultTypeOf } from "./aggregate_functions.ts";
import { type AtTimeScan, beginAtTime, hasSameTimes, readAtTimePage, requestedTimes } from "./at_time_scan.ts";
import { ContinuationPoints } from "./continuation_points.ts";
import type { EncodedType, ValueColumns } from "./data_value_encoder.ts";
import { encodeParts, VALUES_PER_TURN } from "./encode_parts.ts";
import type { EventHistory } from "./event_history.ts";
import { beginProcessed, type ProcessedScan, readProcessedPage } from "./processed_scan.ts";
import { beginScan, type RawRange, type RawScan, readPage } from "./raw_scan.ts";
import { requestedTimeUs } from "./requested_time.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** Values in one response, of all its nodes. Nodes beyond it get a continuation point. */
const MAX_VALUES_PER_RESPONSE = 200_000;
/** Bytes of them: many clients take messages of 4 MB. */
const MAX_BYTES_PER_RESPONSE = 4_000_000;
/** What stands around the values in a response, and around those of each node. */
const OVERHEAD_BYTES = 512;
const OVERHEAD_PER_NODE = 64;

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

/** What goes out of one node, and where to go on. */
interface Page {
  readonly parts: readonly ValueColumns[];
  readonly next: Scan | null;
  /** False when nothing but missing bounds was found. */
  readonly found: boolean;
}

/** What one response may still hold. */
interface Room {
  values: number;
  bytes: number;
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
      const room: Room = { values: MAX_VALUES_PER_RESPONSE, bytes: roomOf(context, nodesToRead.length) };
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
        results.push(await readNode(node, wanted, details, index, room));
      }
      // the last page and the message are not made in one turn
      if (MAX_VALUES_PER_RESPONSE - room.values > VALUES_PER_TURN) await setImmediate();
      return results;

      async function readNode(
        node: TagNode,
        wanted: HistoryReadValueId,
        details: Details,
        index: number,
        room: Room,
      ): Promise<HistoryReadResult> {
        const token = tokenOf(wanted);
        const scan = token === null
          ? begin(node, details, index, nodesToRead.length)
          : resumed(points.take(session, token), node, details);
        if (scan instanceof StatusCode) return statusOnly(scan);
        try {
          const { data, next, found } = await readEncoded(scan, node, details, room, request, signalOf(session));
          const result = answer(data, next, found, session);
          if (result.historyData === data) {
            room.values -= data.count;
            room.bytes -= data.binaryStoreSize();
          }
          return result;
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

  /** The next page, encoded at once: what an answer keeps of a page are its bytes. */
  async function readEncoded(
    scan: Scan,
    node: TagNode,
    details: Details,
    room: Room,
    { timestampsToReturn }: HistoryReadRequest,
    signal: AbortSignal,
  ): Promise<{ data: EncodedHistoryData; next: Scan | null; found: boolean }> {
    const type = typeOf(scan, node);
    const nothing = async () => ({
      data: await encodeParts([], type, timestampsToReturn, 0, signal),
      next: scan,
      found: true,
    });
    if (room.values <= 0 || room.bytes <= 0) return nothing();
    const cap = Math.min(options.maxValuesPerNode, room.values);
    const page = await readOne(scan, node, details, cap, signal);
    const data = await encodeParts(page.parts, type, timestampsToReturn, room.bytes, signal);
    const read = page.parts.reduce((sum, { count }) => sum + count, 0);
    let fitting = data.binaryStoreSize() > room.bytes ? data.count - 1 : data.count;
    // a response goes on by one value at least
    if (fitting === 0 && room.values === MAX_VALUES_PER_RESPONSE) fitting = data.count;
    if (fitting >= read) return { ...page, data };
    if (fitting === 0) return nothing();
    // read as many as there is room for, to know where to go on
    const shorter = await readOne(scan, node, details, fitting, signal);
    return { ...shorter, data: await encodeParts(shorter.parts, type, timestampsToReturn, Infinity, signal) };
  }

  async function readOne(
    scan: Scan,
    node: TagNode,
    details: Details,
    cap: number,
    signal: AbortSignal,
  ): Promise<Page> {
    const { queries } = options;
    if (scan.kind === "processed") {
      return { ...await readProcessedPage(scan, cap, queries, signal), found: true };
    }
    if (scan.kind === "at_time") {
      const { timesUs, simpleBounds } = details as Extract<Details, { kind: "at_time" }>;
      const page = await readAtTimePage(scan, timesUs, simpleBounds, cap, node, queries, signal);
      return { ...page, found: true };
    }
    const { parts, next, found } = await readPage(scan.raw, cap, queries, signal);
    return { parts, next: next === null ? null : { ...scan, raw: next }, found };
  }

  function answer(
    data: EncodedHistoryData,
    next: Scan | null,
    found: boolean,
    session: object,
  ): HistoryReadResult {
    const result = new HistoryReadResult({ statusCode: found ? StatusCodes.Good : StatusCodes.GoodNoData });
    if (next !== null) {
      const token = points.add(session, next);
      if (token === null) return statusOnly(StatusCodes.BadNoContinuationPoints);
      result.continuationPoint = token;
    }
    result.historyData = data;
    return result;
  }
}

/** Bytes of values that fit into a response to this client. */
function roomOf({ session }: ISessionContext, nodes: number): number {
  const channel = session?.channel as { getMaxResponseBodySize?(): number } | undefined;
  const most = channel?.getMaxResponseBodySize?.() || Infinity;
  return Math.max(1, Math.min(MAX_BYTES_PER_RESPONSE, most - OVERHEAD_BYTES - nodes * OVERHEAD_PER_NODE));
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

function typeOf(scan: Scan, { dataType }: TagNode): EncodedType {
  return scan.kind === "processed" ? resultTypeOf(scan.aggregate, dataType) : dataType;
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
