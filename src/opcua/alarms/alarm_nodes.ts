import {
  type AddressSpace,
  type BaseNode,
  EventNotifierFlags,
  type Namespace,
  NodeClass,
  NodeId,
  type UAObject,
  type UAVariable,
} from "node-opcua";
import { getLogger } from "@logtape/logtape";
import { NO_EVENT } from "../../alarms/alarm_state.ts";
import type { Alarm, AlarmEvent, Alarms } from "../../alarms/alarms.ts";
import type { DeviceDefinition } from "../../config/topology.ts";
import { beforeBrowse, makeOnLookup } from "../library/lazy_nodes.ts";
import { withoutModelChanges } from "../library/model_change.ts";
import { InSlices } from "../space/in_slices.ts";
import { ModelChanges } from "../space/model_changes.ts";
import { ConditionChildren, type ConditionParent, NORMAL_VALUE } from "./condition_children.ts";
import { ConditionEvent } from "./condition_event.ts";
import type { ConditionCertificate, ConditionPlace, ConditionView } from "./condition_fields.ts";
import { conditionTypes } from "./condition_types.ts";
import { type Declaration, typeDeclarations } from "./type_declarations.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** EventNotifier (OPC 10000-3 §5.5.1): events can be subscribed to, and their history can be read. */
const SUBSCRIBE_AND_HISTORY: EventNotifierFlags = EventNotifierFlags.SubscribeToEvents | EventNotifierFlags.HistoryRead;

/** A condition in the address space. */
export interface Condition extends ConditionParent {
  readonly node: UAObject;
  readonly place: ConditionPlace;
  /** The areas that its events pass: device, application, Server. */
  readonly notifiers: readonly UAObject[];
}

/** What {@link AlarmNodes} shows and where. */
export interface AlarmNodesOptions {
  readonly space: AddressSpace;
  readonly namespace: Namespace;
  readonly gatewayFolder: UAObject;
  readonly alarms: Alarms;
  readonly devices: () => readonly DeviceDefinition[];
  /** The certificate that an alarm of the gateway is about. */
  readonly certificateOf: (alarm: Alarm) => ConditionCertificate | null;
  readonly nowUs: () => number;
}

/**
 * The conditions of all alarms: one lean object each, below the folder it belongs to and tied to its source by
 * HasCondition, with children that are made when somebody looks. State and events come from the alarms; nothing here
 * holds any of it. Folders become areas of the Server object by HasNotifier, tags their event sources.
 */
export class AlarmNodes {
  readonly children: ConditionChildren;
  readonly #options: AlarmNodesOptions;
  readonly #server: UAObject;
  readonly #conditions = new Map<string, Condition>();
  readonly #types = new Map<string, ReadonlyMap<string, Declaration>>();
  /** Severity before the last change, and the last one, of alarms that ever had an event. */
  readonly #severities = new Map<string, { last: number | null; now: number }>();
  /** Alarms whose removal was told. */
  readonly #told = new Set<string>();
  readonly #received = new Map<string, number>();
  readonly #changes = new ModelChanges();
  readonly #slices: InSlices;
  #delivering = false;

  constructor(options: AlarmNodesOptions) {
    this.#options = options;
    this.#server = options.space.rootFolder.objects.server;
    this.#server.setEventNotifier(SUBSCRIBE_AND_HISTORY);
    this.children = new ConditionChildren(options.space, options.namespace);
    this.#slices = new InSlices((slice) => {
      withoutModelChanges(options.space, slice);
      this.#changes.raise(options.space);
    });
    makeOnLookup(options.namespace, (id) => this.#makeChild(id));
  }

  get(id: string): Condition | undefined {
    return this.#conditions.get(id);
  }

  /** The condition that a node is, or belongs to. */
  owner(id: string): Condition | undefined {
    for (let end = id.length; end > 0; end = id.lastIndexOf("/", end - 1)) {
      const condition = this.#conditions.get(id.slice(0, end));
      if (condition !== undefined) return condition;
    }
    return undefined;
  }

  /** What the fields of an event of the alarm are made from. */
  view(alarm: Alarm, receiveTimeUs: number): ConditionView {
    const { alarms, certificateOf, nowUs } = this.#options;
    return {
      alarm,
      definition: alarms.definition(alarm.id),
      place: this.#conditions.get(alarm.id)?.place ?? this.#placeOf(alarm).place,
      lastSeverity: this.#severities.get(alarm.id)?.last ?? null,
      receiveTimeUs,
      nowUs: nowUs(),
      certificate: certificateOf(alarm),
    };
  }

  declarations(kind: Alarm["kind"]): ReadonlyMap<string, Declaration> {
    const { typeName, typeId } = conditionTypes[kind];
    let known = this.#types.get(typeName);
    if (known === undefined) this.#types.set(typeName, known = typeDeclarations(this.#options.space, typeId));
    return known;
  }

  /** The state of an alarm as an event, as it was when it last changed. */
  eventOf(condition: Condition, alarm: Alarm): ConditionEvent {
    const received = this.#received.get(alarm.id) ?? alarm.timeUs;
    return new ConditionEvent(condition.node, condition.declarations, this.view(alarm, received));
  }

  /** Tells everybody who listens to the Server or to an area of the alarm. */
  raise({ alarm, cause }: AlarmEvent): void {
    // an alarm that is new may tell of itself before its turn to be shown has come
    if (!this.#conditions.has(alarm.id) && this.#options.alarms.get(alarm.id) !== undefined) this.#syncOne(alarm.id);
    const condition = this.#conditions.get(alarm.id);
    if (condition === undefined) return;
    const before = this.#severities.get(alarm.id);
    if (before === undefined || before.now !== alarm.severity) {
      this.#severities.set(alarm.id, { last: before?.now ?? null, now: alarm.severity });
    }
    this.#received.set(alarm.id, this.#options.nowUs());
    this.children.refresh(condition);
    this.deliver(() => {
      const event = this.eventOf(condition, alarm);
      for (const notifier of condition.notifiers) {
        if (notifier.listenerCount("event") > 0) notifier.emit("event", event);
      }
    });
    if (cause === "removed") {
      this.#told.add(alarm.id);
      this.#slices.add([() => this.#syncOne(alarm.id)]);
    }
  }

  /** Runs what makes the library look for fields of events, without children being made for it. */
  deliver(work: () => void): void {
    this.#delivering = true;
    try {
      work();
    } finally {
      this.#delivering = false;
    }
  }

  /**
   * Makes the conditions equal to the alarms, and puts them where their sources are now; tells clients by model change
   * events. What takes long is done in slices: {@link settled} resolves at the end.
   */
  sync(): void {
    const { alarms } = this.#options;
    const wanted = new Set(alarms.list().map(({ id }) => id));
    const ids = new Set([...this.#conditions.keys(), ...wanted]);
    this.#slices.add([...ids].map((id) => () => {
      try {
        this.#syncOne(id);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.error("Cannot change an OPC UA node: {reason}", { event: "opcua_node_failed", reason });
      }
    }));
  }

  /** {@link sync} in one go and without events: for the start, before anybody is connected. */
  addAll(): void {
    const { alarms, space } = this.#options;
    withoutModelChanges(space, () => {
      for (const alarm of alarms.list()) this.#add(alarm);
    });
    this.#changes.clear();
  }

  /** Resolves when the address space shows the alarms that there are. */
  settled(): Promise<void> {
    return this.#slices.settled();
  }

  stop(): void {
    this.#slices.stop();
  }

  #syncOne(id: string): void {
    const alarm = this.#options.alarms.get(id);
    const condition = this.#conditions.get(id);
    if (condition === undefined) {
      if (alarm !== undefined) this.#add(alarm);
      return;
    }
    const { node, place, notifiers } = condition;
    // the event that it is gone comes after it is gone, and is still its condition's
    if (alarm === undefined && this.#severities.has(id) && !this.#told.has(id)) return;
    this.#told.delete(id);
    const there = this.#options.namespace.findNode(`s=${id}`) === node;
    if (there && alarm !== undefined) {
      const now = this.#placeOf(alarm);
      // by identity: a node that was made anew has none of the references
      const stays = sameNodes(now.notifiers, notifiers) && isConditionOf(node, now.source) &&
        now.place.sourceName === place.sourceName;
      if (stays) {
        this.children.refresh(condition);
        return;
      }
    }
    const watched = this.children.watched(id);
    this.children.forget(id);
    if (there) {
      this.#changes.deleted(node, notifiers[0] ?? null);
      this.#options.namespace.deleteNode(node);
    }
    this.#conditions.delete(id);
    if (alarm === undefined) {
      this.#severities.delete(id);
      this.#received.delete(id);
      return;
    }
    this.#add(alarm);
    const again = this.#conditions.get(id);
    if (watched && again !== undefined) this.children.make(again);
  }

  #add(alarm: Alarm): void {
    const { namespace } = this.#options;
    if (namespace.findNode(`s=${alarm.id}`) !== null) {
      log.error("Cannot add the OPC UA node of alarm {alarm} as another node has its id", {
        event: "opcua_node_id_taken",
        alarm: alarm.id,
      });
      return;
    }
    const { place, source, folder, notifiers } = this.#placeOf(alarm);
    this.#linkAreas(notifiers);
    if (source.nodeClass === NodeClass.Variable && !isReferred(folder, "HasEventSource", source)) {
      folder.addReference({ referenceType: "HasEventSource", nodeId: source.nodeId });
    }
    const node = namespace.addObject({
      nodeId: `s=${alarm.id}`,
      browseName: browseNameOf(alarm, place),
      typeDefinition: conditionTypes[alarm.kind].typeId,
      componentOf: folder,
    });
    source.addReference({ referenceType: "HasCondition", nodeId: node.nodeId });
    this.#changes.added(node, folder);
    if (alarm.eventId !== NO_EVENT && !this.#severities.has(alarm.id)) {
      this.#severities.set(alarm.id, { last: null, now: alarm.severity });
    }
    const condition: Condition = {
      id: alarm.id,
      node,
      place,
      notifiers,
      declarations: this.declarations(alarm.kind),
      view: () => {
        const now = this.#options.alarms.get(alarm.id) ?? alarm;
        return this.view(now, this.#received.get(alarm.id) ?? now.timeUs);
      },
    };
    beforeBrowse(node, () => {
      if (!this.#delivering && this.#conditions.get(alarm.id) === condition) this.children.make(condition);
    });
    this.#conditions.set(alarm.id, condition);
  }

  #makeChild(id: string): BaseNode | null {
    if (!id.includes("$alarm/")) return null;
    const condition = this.owner(id);
    if (condition === undefined || condition.id === id) return null;
    this.children.make(condition);
    return this.#options.namespace.findNode(`s=${id}`);
  }

  #linkAreas(notifiers: readonly UAObject[]): void {
    notifiers.forEach((notifier, i) => {
      if (notifier === this.#server) return;
      notifier.setEventNotifier(SUBSCRIBE_AND_HISTORY);
      const above = notifiers[i + 1];
      const before = notifier.findReferencesAsObject("HasNotifier", false);
      if (above === undefined || before.includes(above)) return;
      // a device that moved to another application is no longer an area of the one before
      for (const old of before) {
        old.removeReference({ referenceType: "HasNotifier", isForward: true, nodeId: notifier.nodeId });
      }
      above.addReference({ referenceType: "HasNotifier", nodeId: notifier.nodeId });
    });
  }

  #placeOf(alarm: Alarm) {
    const { gatewayFolder, devices } = this.#options;
    const group = alarm.source.split("/", 1)[0] ?? "";
    const folder = this.#find(group, NodeClass.Object) as UAObject | null ?? gatewayFolder;
    const variable = alarm.kind === "limit" || alarm.kind === "off_normal"
      ? this.#find(alarm.source, NodeClass.Variable) as UAVariable | null
      : null;
    const source: UAObject | UAVariable = variable ?? folder;
    const application = folder === gatewayFolder ? null : this.#applicationOf(folder);
    const device = devices().find(({ devEui }) => devEui === group)?.name ?? folder.browseName.name ?? group;
    const ownName = alarm.id.slice(alarm.id.lastIndexOf("/") + 1);
    const place: ConditionPlace = {
      sourceNode: source.nodeId,
      sourceName: variable === null ? device : `${device}/${variable.browseName.name}`,
      inputNode: variable?.nodeId ?? null,
      normalNode: alarm.kind === "off_normal"
        ? new NodeId(NodeId.NodeIdType.STRING, `${alarm.id}/${NORMAL_VALUE}`, this.#options.namespace.index)
        : null,
      conditionName: conditionTypes[alarm.kind].conditionName ?? ownName,
    };
    return {
      place,
      source,
      folder,
      notifiers: [folder, ...application === null ? [] : [application], this.#server],
    };
  }

  /** The folder above a device, unless that is the Objects folder. */
  #applicationOf(device: UAObject): UAObject | null {
    const { namespace } = this.#options;
    const above = device.findReferencesAsObject("Organizes", false);
    return (above.find(({ nodeId }) => nodeId.namespace === namespace.index) ?? null) as UAObject | null;
  }

  #find(id: string, nodeClass: NodeClass): BaseNode | null {
    const { namespace } = this.#options;
    const node = namespace.findNode(new NodeId(NodeId.NodeIdType.STRING, id, namespace.index));
    return node?.nodeClass === nodeClass ? node : null;
  }
}

function browseNameOf({ kind }: Alarm, { conditionName, inputNode }: ConditionPlace): string {
  if (inputNode === null || conditionTypes[kind].conditionName === null) return conditionName;
  const tag = String(inputNode.value);
  return `${tag.slice(tag.indexOf("/") + 1)}.${conditionName}`;
}

function isReferred(from: BaseNode, referenceType: string, to: BaseNode): boolean {
  return from.findReferencesAsObject(referenceType, true).includes(to);
}

function isConditionOf(condition: BaseNode, source: BaseNode): boolean {
  return condition.findReferencesAsObject("HasCondition", false).includes(source);
}

function sameNodes(some: readonly BaseNode[], others: readonly BaseNode[]): boolean {
  return some.length === others.length && some.every((node, i) => node === others[i]);
}
