import { setImmediate } from "node:timers/promises";
import {
  type AddressSpace,
  type BaseNode,
  type BrowsePath,
  checkFilter,
  checkSelectClause,
  type EventFilter,
  type ExtensionObject,
  extractEventFieldsBase,
  type FilterContext,
  type HistoryReadRequest,
  HistoryReadResult,
  type HistoryReadValueId,
  NodeClass,
  NodeId,
  type ReadEventDetails,
  sameNodeId,
  type SimpleAttributeOperand,
  type StatusCode,
  StatusCodes,
  type UAObject,
  type UAObjectType,
  validateContentFilter,
  Variant,
} from "node-opcua";
import type { Alarm, AlarmEvent, Alarms, JournalCursor } from "../../alarms/alarms.ts";
import { eventField, relativePath } from "../alarms/condition_event.ts";
import { conditionField, type ConditionView } from "../alarms/condition_fields.ts";
import { conditionTypes, standard } from "../alarms/condition_types.ts";
import type { AlarmNodes } from "../alarms/alarm_nodes.ts";
import { eventFilterFault } from "../library/event_filters.ts";
import { fieldPath } from "../library/field_events.ts";
import { ContinuationPoints } from "./continuation_points.ts";
import { requestedTimeUs } from "./requested_time.ts";

/** Events that one look into the journal takes: it runs in this thread. */
const PAGE = 200;
/** Events of the journal that one request goes through for a node, most of which may be of others. */
const MAX_SCANNED = 10_000;
/** Fields of all events of a page together: what is encoded in one go. */
const MOST_FIELDS = 10_000;
const HISTORY_EVENT = standard(659);
const SERVER_ID = 2253;

/** What the event history needs. */
export interface EventHistoryOptions {
  readonly space: AddressSpace;
  readonly namespaceIndex: number;
  readonly gatewayFolder: UAObject;
  readonly alarms: Pick<Alarms, "journal">;
  readonly nodes: AlarmNodes;
  /** Events a node and page. */
  readonly maxEventsPerNode: number;
  readonly nowUs: () => number;
}

/** Answers HistoryRead with ReadEventDetails. */
export interface EventHistory {
  read(wanted: HistoryReadValueId, request: HistoryReadRequest, session: object): Promise<HistoryReadResult>;
  release(session: object): void;
}

/** Where a read stands. */
interface EventScan {
  readonly node: string;
  readonly fromUs: number | null;
  readonly toUs: number | null;
  readonly direction: "forward" | "reverse";
  /** Events that are still to come; `null`: all of the interval. */
  readonly left: number | null;
  readonly after: JournalCursor | null;
}

/** Which events pass a notifier. */
type Area = (alarm: Alarm) => boolean;

/**
 * The history of events from the alarms' journal (OPC 10000-11 §6.5.2): of the Server object, of an application, of a
 * device, of the folder `Gateway`. The start belongs to the interval, the end does not; both directions; with one end open
 * `numValuesPerNode` is the total. A page may hold fewer events than fit, or none, and go on: most of what was looked at
 * was another area's, or failed the where clause.
 */
export function eventHistory(options: EventHistoryOptions): EventHistory {
  const { space, alarms, nodes, maxEventsPerNode } = options;
  const points = new ContinuationPoints<EventScan>(options.nowUs);

  return {
    async read({ nodeId, continuationPoint: token }, request, session) {
      const resumes = token !== null && token !== undefined && token.length > 0;
      if (request.releaseContinuationPoints) {
        const released = !resumes || points.take(session, token) !== undefined;
        return statusOnly(released ? StatusCodes.Good : StatusCodes.BadContinuationPointInvalid);
      }
      const node = space.findNode(nodeId);
      if (node === null) return statusOnly(StatusCodes.BadNodeIdUnknown);
      const area = areaOf(node);
      if (area === null) return statusOnly(StatusCodes.BadHistoryOperationUnsupported);
      const details = request.historyReadDetails as ReadEventDetails;
      const wrong = judgeFilter(details.filter, space);
      if (wrong !== null) return statusOnly(wrong);
      const key = nodeId.toString();
      const scan = resumes ? points.take(session, token) : beginScan(key, details);
      if (scan === undefined || scan === null || scan.node !== key) {
        return statusOnly(resumes ? StatusCodes.BadContinuationPointInvalid : StatusCodes.BadHistoryOperationInvalid);
      }
      const { events, next } = await readPage(scan, area, details.filter);
      const result = new HistoryReadResult({ statusCode: StatusCodes.Good });
      if (next !== null) {
        const point = points.add(session, next);
        if (point === null) return statusOnly(StatusCodes.BadNoContinuationPoints);
        result.continuationPoint = point;
      } else if (events.length === 0 && !resumes) {
        result.statusCode = StatusCodes.GoodNoData;
      }
      result.historyData = historyEvent(events);
      return result;
    },
    release: (session) => points.release(session),
  };

  async function readPage(scan: EventScan, area: Area, filter: EventFilter) {
    const { fromUs, toUs, direction, left } = scan;
    const select = selection(filter.selectClauses ?? []);
    const most = Math.min(maxEventsPerNode, select.most, left ?? Infinity);
    const filtered = (filter.whereClause.elements ?? []).length > 0;
    const events: Variant[][] = [];
    let { after } = scan;
    for (let scanned = 0; scanned < MAX_SCANNED && events.length < most; scanned += PAGE) {
      if (scanned > 0) await setImmediate();
      const page = alarms.journal({ fromUs, toUs, direction, limit: PAGE, ...after === null ? {} : { after } });
      for (const event of page.events) {
        after = { timeUs: event.alarm.timeUs, sequence: event.sequence };
        if (!area(event.alarm)) continue;
        const context = contextOf(event);
        if (filtered && !checkFilter(context, filter.whereClause)) continue;
        if (events.push(select.fields(context)) >= most) break;
      }
      if (page.next === null && page.events.at(-1)?.sequence === after?.sequence) return { events, next: null };
      if (page.events.length === 0) return { events, next: null };
    }
    const rest = left === null ? null : left - events.length;
    return { events, next: rest === 0 ? null : { ...scan, after, left: rest } };
  }

  function historyEvent(events: readonly Variant[][]): ExtensionObject {
    const type = space.findDataType(HISTORY_EVENT);
    if (type === null) throw new Error("Cannot answer with events as the data type HistoryEvent is missing");
    return space.constructExtensionObject(type, { events: events.map((eventFields) => ({ eventFields })) });
  }

  function contextOf({ alarm }: AlarmEvent): JournalEventContext {
    return new JournalEventContext(space, options.namespaceIndex, nodes, nodes.view(alarm, alarm.timeUs));
  }

  /** `null`: the node notifies of nothing of ours. */
  function areaOf(node: BaseNode): Area | null {
    const { namespace, value } = node.nodeId;
    if (namespace === 0 && value === SERVER_ID) return () => true;
    if (node.nodeClass !== NodeClass.Object || ((node as UAObject).eventNotifier & 0b100) === 0) return null;
    // of what was removed since, the journal knows more than the address space
    const devices = new Set([
      String(value),
      ...node.findReferencesAsObject("HasNotifier", true).map((device) => String(device.nodeId.value)),
    ]);
    if (node === options.gatewayFolder) devices.add("gateway");
    return ({ source }) => devices.has(source.split("/", 1)[0] ?? "");
  }
}

/** What the select clauses ask of each event, and how many events with so many fields a page may hold. */
function selection(clauses: SimpleAttributeOperand[]) {
  const paths = clauses.map((clause) => fieldPath(clause) ?? clause);
  return {
    most: Math.max(1, Math.floor(MOST_FIELDS / clauses.length)),
    fields: (event: JournalEventContext): Variant[] =>
      paths.map((path) => {
        if (typeof path === "string") return event.fieldAt(path);
        return extractEventFieldsBase(event, [path])[0] as Variant;
      }),
  };
}

function beginScan(node: string, { startTime, endTime, numValuesPerNode }: ReadEventDetails): EventScan | null {
  const startUs = requestedTimeUs(startTime, Math.floor);
  const endUs = requestedTimeUs(endTime, Math.ceil);
  const count = numValuesPerNode > 0 ? numValuesPerNode : null;
  // two of start, end and number say which events (§6.5.3.2)
  if (startUs === null && (endUs === null || count === null)) return null;
  if (endUs === null && count === null) return null;
  const scan = { node, left: startUs === null || endUs === null ? count : null, after: null };
  if (startUs === null) return { ...scan, direction: "reverse", fromUs: null, toUs: endUs };
  if (endUs === null) return { ...scan, direction: "forward", fromUs: startUs, toUs: null };
  if (startUs === endUs) return { ...scan, direction: "forward", fromUs: startUs, toUs: startUs };
  return startUs < endUs
    ? { ...scan, direction: "forward", fromUs: startUs, toUs: endUs - 1 }
    : { ...scan, direction: "reverse", fromUs: endUs + 1, toUs: startUs };
}

function judgeFilter(filter: EventFilter | null, space: AddressSpace): StatusCode | null {
  const clauses = filter?.selectClauses ?? [];
  if (filter === null || clauses.length === 0) return StatusCodes.BadEventFilterInvalid;
  const baseEventType = space.findEventType("BaseEventType") as BaseNode;
  // one that no type has is a null field; all of them are a mistake
  if (clauses.every((clause) => !checkSelectClause(baseEventType, clause).isGood())) {
    return StatusCodes.BadEventFilterInvalid;
  }
  const where = validateContentFilter(filter.whereClause);
  if (!where.isGood()) return where;
  const fault = eventFilterFault(filter);
  return fault === StatusCodes.BadMonitoredItemFilterUnsupported ? StatusCodes.BadFilterOperatorUnsupported : fault;
}

function statusOnly(statusCode: StatusCode): HistoryReadResult {
  return new HistoryReadResult({ statusCode });
}

/** An event of the journal as filters look at it; its condition may be gone since. */
class JournalEventContext implements FilterContext {
  readonly eventSource: NodeId;
  readonly #space: AddressSpace;
  readonly #nodes: AlarmNodes;
  readonly #view: ConditionView;
  readonly #asked = new Map<string, string>();

  constructor(space: AddressSpace, namespaceIndex: number, nodes: AlarmNodes, view: ConditionView) {
    this.#space = space;
    this.#nodes = nodes;
    this.#view = view;
    this.eventSource = new NodeId(NodeId.NodeIdType.STRING, view.alarm.id, namespaceIndex);
  }

  isSubtypeOf(nodeId: NodeId, baseType: NodeId): boolean {
    const type = this.#space.findNode(this.#isCondition(nodeId) ? this.#typeId : nodeId);
    const base = this.#space.findNode(baseType);
    if (type?.nodeClass !== NodeClass.ObjectType || base?.nodeClass !== NodeClass.ObjectType) return false;
    return (type as UAObjectType).isSubtypeOf(base as UAObjectType);
  }

  getTypeDefinition(nodeId: NodeId): NodeId | null {
    if (this.#isCondition(nodeId)) return this.#typeId;
    const node = this.#space.findNode(nodeId) as { typeDefinition?: NodeId } | null;
    return node?.typeDefinition ?? null;
  }

  getNodeClass(nodeId: NodeId): NodeClass {
    if (this.#isCondition(nodeId)) return NodeClass.Object;
    return this.#space.findNode(nodeId)?.nodeClass ?? NodeClass.Unspecified;
  }

  fieldAt(path: string): Variant {
    return eventField(path, this.eventSource, this.#nodes.declarations(this.#view.alarm.kind), this.#view);
  }

  browsePath(browsePath: BrowsePath): NodeId | null {
    const path = relativePath(browsePath);
    const declaration = this.#nodes.declarations(this.#view.alarm.kind).get(path);
    if (declaration === undefined) return null;
    this.#asked.set(declaration.node.nodeId.toString(), path);
    return declaration.node.nodeId;
  }

  readNodeValue(nodeId: NodeId | string | number): Variant {
    const path = this.#asked.get(String(nodeId));
    return (path === undefined ? null : conditionField(path, this.#view)) ?? new Variant();
  }

  get #typeId(): NodeId {
    return conditionTypes[this.#view.alarm.kind].typeId;
  }

  #isCondition(nodeId: NodeId): boolean {
    return sameNodeId(nodeId, this.eventSource);
  }
}
