import { setImmediate } from "node:timers/promises";
import type { AddressSpace, Namespace, NodeId, ServerSession, UAObject } from "node-opcua";
import type { Caller } from "../../access/principal.ts";
import type { Alarm, Alarms } from "../../alarms/alarms.ts";
import type { DeviceDefinition } from "../../config/topology.ts";
import type { Operations } from "../../operations/operation.ts";
import { mendEventOverflow } from "../library/event_items.ts";
import { takeFieldEvents } from "../library/field_events.ts";
import type { SpaceAccessor } from "../library/library_internals.ts";
import { InSlices } from "../space/in_slices.ts";
import { AlarmNodes } from "./alarm_nodes.ts";
import type { ConditionCertificate } from "./condition_fields.ts";
import { conditionMethods } from "./condition_methods.ts";
import { conditionRefresh } from "./condition_refresh.ts";

/** How often what is left of a shelving is brought up to date, ms. */
const TICK_MS = 1000;

/** What {@link serveAlarms} needs. */
export interface ServeAlarmsOptions {
  readonly space: AddressSpace;
  readonly namespace: Namespace;
  readonly accessor: SpaceAccessor;
  readonly gatewayFolder: UAObject;
  readonly alarms: Alarms;
  readonly devices: () => readonly DeviceDefinition[];
  readonly operations: Pick<Operations, "call">;
  readonly callerOf: (session: ServerSession) => Caller;
  readonly certificateOf: (alarm: Alarm) => ConditionCertificate | null;
  readonly nowUs: () => number;
  /** Resolves when the nodes of devices and tags are what is defined. */
  readonly settled: () => Promise<void>;
}

/** Alarms & Conditions as it runs. */
export interface ServedAlarms {
  readonly nodes: AlarmNodes;
  /** To be called when nodes of tags or devices come, go or move: conditions follow their sources. */
  follow(): Promise<void>;
  stop(): void;
}

/** Shows the alarms as conditions, tells of their events, and takes the methods of conditions (OPC 10000-9). */
export function serveAlarms(options: ServeAlarmsOptions): ServedAlarms {
  const { space, namespace, accessor, alarms } = options;
  mendEventOverflow();
  takeFieldEvents();
  const nodes = new AlarmNodes(options);
  nodes.addAll();
  const controller = new AbortController();
  const callCondition = conditionMethods({
    ...options,
    namespaceIndex: namespace.index,
    owner: (id) => nodes.owner(id),
    exists: (id) => space.findNode(id) !== null,
    signal: controller.signal,
  });
  const callRefresh = conditionRefresh({ space, nodes, alarms });
  const callByLibrary = accessor.callMethod.bind(accessor);
  accessor.callMethod = (context, request) =>
    callCondition(context, request) ?? callRefresh(context, request) ?? callByLibrary(context, request);
  const browseByLibrary = accessor.browseNode.bind(accessor);
  accessor.browseNode = async (description, context) => {
    // a Browse of many conditions makes the children of each: not all of them in one turn
    const { nodeId } = description as { nodeId?: NodeId };
    if (typeof nodeId?.value === "string" && nodes.get(nodeId.value) !== undefined) await setImmediate();
    return browseByLibrary(description, context);
  };
  // a storm of events is told in slices, in order
  const telling = new InSlices((slice) => slice());
  const unsubscribe = alarms.subscribe((event) => telling.add([() => nodes.raise(event)]));
  let stopped = false;
  const follow = async () => {
    await options.settled();
    if (stopped) return;
    nodes.sync();
    await nodes.settled();
  };
  const unfollow = alarms.onDefinitions(() => void follow());
  const timer = setInterval(() => nodes.children.tick(), TICK_MS);
  return {
    nodes,
    follow,
    stop: () => {
      stopped = true;
      nodes.stop();
      telling.stop();
      controller.abort();
      clearInterval(timer);
      unsubscribe();
      unfollow();
    },
  };
}
