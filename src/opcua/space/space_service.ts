import {
  AttributeIds,
  DataValue,
  type HistoryReadRequest,
  type ISessionContext,
  type ReadRequestOptions,
  type ReadValueIdOptions,
  TimestampsToReturn,
} from "node-opcua";
import type { HistoryService } from "../history/history_service.ts";
import type { SpaceAccessor } from "../library/library_internals.ts";
import { readByTheRules } from "./read_rules.ts";
import type { TagNodes } from "./tag_nodes.ts";

/** From this maximum age on the client takes any value (OPC 10000-4 §5.11.2). */
const ANY_AGE = 0x7fffffff;

/**
 * Takes over two services of the library's address space: Read, where values of tags are answered from memory in one
 * pass (the library awaits every node), and HistoryRead.
 *
 * Everything else a Read can ask for (other attributes, other namespaces, index ranges, encodings) goes the library's
 * way. Tag variables carry no role permissions, so every session may read them.
 */
export function serveTags(
  accessor: SpaceAccessor,
  nodes: TagNodes,
  namespaceIndex: number,
  history: HistoryService,
): void {
  const readByLibrary = accessor.read.bind(accessor);

  accessor.historyRead = (context: ISessionContext, request: HistoryReadRequest) => history.read(context, request);
  accessor.read = async (context: ISessionContext, request: ReadRequestOptions) => {
    const wanted = request.nodesToRead ?? [];
    const maxAge = request.maxAge ?? 0;
    const timestamps = request.timestampsToReturn ?? TimestampsToReturn.Neither;
    const now = new Date();
    const results: DataValue[] = new Array(wanted.length);
    const others: ReadValueIdOptions[] = [];
    const places: number[] = [];
    for (let i = 0; i < wanted.length; i++) {
      const item = wanted[i] as ReadValueIdOptions;
      const value = liveValue(item);
      if (value === undefined) {
        others.push(item);
        places.push(i);
      } else {
        results[i] = stamped(value, timestamps, maxAge, now);
      }
    }
    if (others.length > 0) {
      const answers = await readByTheRules(
        others,
        (nodesToRead) => readByLibrary(context, { ...request, nodesToRead }),
      );
      answers.forEach((answer, i) => results[places[i] ?? 0] = answer);
    }
    return results;
  };

  function liveValue(item: ReadValueIdOptions): DataValue | undefined {
    if (item.attributeId !== AttributeIds.Value) return undefined;
    const nodeId = item.nodeId as { namespace: number; value: unknown };
    if (nodeId.namespace !== namespaceIndex || typeof nodeId.value !== "string") return undefined;
    const range = item.indexRange as { isEmpty(): boolean } | null | undefined;
    if (range && !range.isEmpty()) return undefined;
    const encoding = item.dataEncoding as { name?: string | null } | null | undefined;
    if (encoding?.name) return undefined;
    return nodes.get(nodeId.value)?.variable.$dataValue;
  }
}

/** A copy for one answer, with the times that were asked for. The variant is shared: nobody changes it. */
function stamped(value: DataValue, timestamps: TimestampsToReturn, maxAge: number, now: Date): DataValue {
  const copy = new DataValue(null);
  copy.value = value.value;
  copy.statusCode = value.statusCode;
  if (timestamps === TimestampsToReturn.Source || timestamps === TimestampsToReturn.Both) {
    copy.sourceTimestamp = value.sourceTimestamp;
    copy.sourcePicoseconds = value.sourcePicoseconds;
  }
  if (timestamps === TimestampsToReturn.Server || timestamps === TimestampsToReturn.Both) {
    const server = value.serverTimestamp;
    // the value is in memory and was just found to be the current one: that is what a maximum age asks to be told
    if (server === null || (maxAge < ANY_AGE && now.getTime() - server.getTime() > maxAge)) {
      copy.serverTimestamp = now;
    } else {
      copy.serverTimestamp = server;
      copy.serverPicoseconds = value.serverPicoseconds;
    }
  }
  return copy;
}
