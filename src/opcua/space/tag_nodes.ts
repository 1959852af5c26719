import {
  type AddressSpace,
  DataType,
  DataValue,
  makeAccessLevelFlag,
  type Namespace,
  Range,
  StatusCodes,
  type UAObject,
  type UAVariable,
} from "node-opcua";
import { getLogger } from "@logtape/logtape";
import type { DeviceDefinition } from "../../config/topology.ts";
import type { DataTypeName, Tag, TagDefinition, TagId } from "../../tags/tag.ts";
import { dataValueOf, scalar } from "./data_values.ts";
import { diagnosticWords } from "./diagnostic_words.ts";
import { engineeringUnits } from "./engineering_units.ts";
import { READ_ONLY } from "./folders.ts";
import type { LiveVariable } from "../library/library_internals.ts";
import { withoutModelChanges } from "../library/model_change.ts";
import { reattachItems } from "../library/monitored_nodes.ts";
import { AliasNames } from "./alias_names.ts";
import { DeviceNodes } from "./device_nodes.ts";
import { InSlices } from "./in_slices.ts";
import { setLiveValue } from "./live_variable.ts";
import { ModelChanges } from "./model_changes.ts";
import { setOnline } from "./online_state.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** The tag whose age tells whether its device is there: every message of the device moves it. */
const HEARD = "$lastSeen";

/** A tag and the variable that serves it. */
export interface TagNode {
  readonly tag: Tag;
  readonly variable: LiveVariable;
  readonly dataType: DataTypeName;
  /** The definition the node was last made or adjusted to. */
  definition: TagDefinition;
  readonly parent: UAObject;
  /** The device's online state, where the tag decides on it. */
  readonly online: LiveVariable | null;
}

/** What {@link TagNodes.apply} is told: the same shape as the tag store's `DefinitionChange`. */
export interface TagChange {
  readonly added: readonly Tag[];
  readonly removed: readonly Tag[];
  readonly changed: readonly Tag[];
}

const noChange: TagChange = { added: [], removed: [], changed: [] };

/**
 * The folders and variables of applications, devices and metrics, kept equal to the tags and devices that are defined.
 * Application folder → device object → metric, with NodeIds `<applicationId>`, `<dev>`, `<dev>/<metric>`.
 */
export class TagNodes {
  readonly #space: AddressSpace;
  readonly #namespace: Namespace;
  readonly #nodes = new Map<TagId, TagNode>();
  readonly #changes = new ModelChanges();
  readonly #devices: DeviceNodes;
  readonly #aliases: AliasNames;
  readonly #slices: InSlices;
  readonly #onDefined: (variable: UAVariable, definition: TagDefinition) => void;

  /** @param onDefined told of each variable that was made or adjusted to a definition */
  constructor(
    space: AddressSpace,
    namespace: Namespace,
    gatewayFolder: UAObject,
    devices: () => readonly DeviceDefinition[],
    onDefined: (variable: UAVariable, definition: TagDefinition) => void = () => {},
  ) {
    this.#onDefined = onDefined;
    this.#space = space;
    this.#namespace = namespace;
    const root = space.rootFolder.objects;
    this.#devices = new DeviceNodes({ namespace, root, gatewayFolder, devices, changes: this.#changes });
    this.#aliases = new AliasNames(space, namespace, this.#changes);
    this.#slices = new InSlices((slice) => {
      withoutModelChanges(space, slice);
      this.#changes.raise(space);
    });
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** The node of a tag, or `undefined`. */
  get(id: string): TagNode | undefined {
    return this.#nodes.get(id as TagId);
  }

  /** The object of a device, below which others put nodes of theirs; made when it is not there. */
  device(devEui: string): UAObject {
    return this.#devices.object(devEui);
  }

  /** The object of a device, which stays until {@link release} as if it had one more tag; made when it is not there. */
  hold(devEui: string): UAObject {
    return this.#devices.take(devEui, "");
  }

  /** Gives up what {@link hold} gave. */
  release(devEui: string): void {
    this.#devices.release(devEui);
  }

  /** Tells clients of the devices that {@link hold} made and {@link release} let go. */
  tell(): void {
    this.#changes.raise(this.#space);
  }

  /** Whether any node of the address space has this id (`ns=0;i=2253`). */
  exists(nodeId: string): boolean {
    return this.#space.findNode(nodeId) !== null;
  }

  /** Adds the nodes of `tags`, silently: for the start, before anybody is connected. */
  addAll(tags: Iterable<Tag>): void {
    withoutModelChanges(this.#space, () => {
      for (const tag of tags) this.#add(tag);
    });
    this.#changes.clear();
  }

  /**
   * Follows a change of tags, or of the names and places of devices alone, under open sessions, and tells clients by
   * model change events. What takes long is done in slices: {@link settled} resolves at the end.
   */
  apply(change: TagChange = noChange): void {
    this.#devices.readDefinitions();
    const piece = (work: () => void) => () => {
      try {
        work();
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.error("Cannot change an OPC UA node: {reason}", { event: "opcua_node_failed", reason });
      }
    };
    this.#slices.add([
      ...change.removed.map((tag) => piece(() => this.#remove(tag.id))),
      ...change.changed.map((tag) => piece(() => this.#change(tag))),
      ...change.added.map((tag) => piece(() => this.#add(tag))),
      piece(() => this.#devices.follow()),
      piece(() => this.#aliases.sweep()),
    ]);
  }

  /** Resolves when the address space shows what is defined. */
  settled(): Promise<void> {
    return this.#slices.settled();
  }

  /** Gives up what was not done yet. */
  stop(): void {
    this.#slices.stop();
  }

  #change(tag: Tag): void {
    const node = this.#nodes.get(tag.id);
    if (node !== undefined && this.#adjust(node)) return;
    if (node !== undefined) this.#remove(tag.id);
    this.#add(tag);
  }

  #add(tag: Tag): void {
    const { definition } = tag;
    const nodeId = `s=${tag.id}`;
    if (this.#namespace.findNode(`ns=${this.#namespace.index};${nodeId}`) !== null) {
      log.error("Cannot add the OPC UA node of tag {tag} as another node has its id", {
        event: "opcua_node_id_taken",
        tag: tag.id,
      });
      return;
    }
    const parent = this.#devices.take(definition.group, definition.name);
    const description = diagnosticWords[definition.name];
    const variable = this.#namespace.addVariable({
      nodeId,
      browseName: definition.name,
      ...(description === undefined ? {} : { description: { text: description, locale: "en" } }),
      componentOf: parent,
      dataType: definition.dataType,
      typeDefinition: typeOf(definition),
      minimumSamplingInterval: 0,
      ...accessOf(definition),
    }) as LiveVariable;
    this.#changes.added(variable, parent);
    if (definition.unit !== "") this.#addUnits(variable, definition);
    if (definition.range !== null) this.#addRange(variable, definition, definition.range);
    this.#onDefined(variable, definition);
    variable.$dataValue = dataValueOf(tag, definition.dataType);
    const online = definition.name === HEARD ? this.#addOnline(tag) : null;
    this.#nodes.set(tag.id, { tag, variable, dataType: definition.dataType, definition, parent, online });
    if (definition.alias !== undefined) this.#aliases.point(definition.alias, variable);
    reattachItems(this.#space, variable);
  }

  /** Whether the device was heard of late: the quality of its `$lastSeen`, which goes by the device's own interval. */
  #addOnline(tag: Tag): LiveVariable {
    const { group } = tag.definition;
    const object = this.#devices.object(group);
    const variable = this.#namespace.addVariable({
      nodeId: `s=${group}/$online`,
      browseName: "Online",
      componentOf: object,
      dataType: "Boolean",
      ...READ_ONLY,
    }) as LiveVariable;
    this.#changes.added(variable, object);
    setOnline(variable, tag);
    reattachItems(this.#space, variable);
    return variable;
  }

  /** Brings a node to its tag's new definition in place, or says that it must be made anew. */
  #adjust(node: TagNode): boolean {
    const { definition } = node.tag;
    const before = node.definition;
    if (before.dataType !== definition.dataType || typeOf(before) !== typeOf(definition)) return false;
    if ((before.range === null) !== (definition.range === null)) return false;
    if (definition.unit !== before.unit) {
      property(node.variable, "EngineeringUnits")?.setValueFromSource({
        dataType: "ExtensionObject",
        value: engineeringUnits(definition.unit),
      });
    }
    const { range } = definition;
    if (range !== null && (before.range?.low !== range.low || before.range?.high !== range.high)) {
      property(node.variable, "EURange")?.setValueFromSource({ dataType: "ExtensionObject", value: new Range(range) });
    }
    if (before.alias !== definition.alias) {
      if (before.alias !== undefined) this.#aliases.release(before.alias, node.variable);
      if (definition.alias !== undefined) this.#aliases.point(definition.alias, node.variable);
    }
    const access = accessOf(definition);
    node.variable.accessLevel = access.accessLevel;
    node.variable.userAccessLevel = access.userAccessLevel;
    node.variable.historizing = access.historizing;
    node.definition = definition;
    this.#onDefined(node.variable, definition);
    // switching a tag off or on changes its status without a batch
    setLiveValue(node.variable, node.tag, node.dataType);
    if (node.online !== null) setOnline(node.online, node.tag);
    return true;
  }

  #remove(id: TagId): void {
    const node = this.#nodes.get(id);
    if (node === undefined) return;
    this.#nodes.delete(id);
    if (node.definition.alias !== undefined) this.#aliases.release(node.definition.alias, node.variable);
    for (const variable of [node.online, node.variable]) {
      if (variable === null) continue;
      this.#changes.deleted(variable, variable === node.variable ? node.parent : null);
      this.#namespace.deleteNode(variable);
    }
    this.#devices.release(node.definition.group);
  }

  #addUnits(variable: UAVariable, definition: TagDefinition): void {
    this.#addProperty(variable, definition, "EngineeringUnits", "EUInformation", engineeringUnits(definition.unit));
  }

  #addRange(variable: UAVariable, definition: TagDefinition, range: { low: number; high: number }): void {
    this.#addProperty(variable, definition, "EURange", "Range", new Range(range));
  }

  #addProperty(of: UAVariable, definition: TagDefinition, name: string, dataType: string, value: unknown): void {
    const added = this.#namespace.addVariable({
      nodeId: `s=${definition.id}/$${name}`,
      browseName: { name, namespaceIndex: 0 },
      propertyOf: of,
      dataType,
      ...READ_ONLY,
    });
    // its first value tells nobody anything new, so the long way of setValueFromSource is spared
    (added as LiveVariable).$dataValue = propertyValue(value);
  }
}

/** AnalogUnitType asks for a unit, AnalogItemType for a range (OPC 10000-8 §5.3.2); both allow the other. */
function typeOf(definition: TagDefinition): string {
  if (definition.dataType === "Boolean" || definition.dataType === "String") return "BaseDataVariableType";
  if (definition.unit !== "") return "AnalogUnitType";
  return definition.range !== null ? "AnalogItemType" : "BaseDataVariableType";
}

function accessOf(definition: TagDefinition) {
  const stored = definition.retentionDays !== null;
  const level = makeAccessLevelFlag(stored ? "CurrentRead | HistoryRead" : "CurrentRead");
  return { accessLevel: level, userAccessLevel: level, historizing: stored };
}

function propertyValue(value: unknown): DataValue {
  const result = new DataValue(null);
  result.value = scalar(DataType.ExtensionObject, value);
  result.statusCode = StatusCodes.Good;
  result.sourceTimestamp = result.serverTimestamp = new Date();
  return result;
}

function property(variable: UAVariable, name: string): UAVariable | null {
  return variable.getPropertyByName(name, 0) as UAVariable | null;
}
