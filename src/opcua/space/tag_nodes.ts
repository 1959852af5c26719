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
import { engineeringUnits } from "./engineering_units.ts";
import { addFolder, READ_ONLY } from "./folders.ts";
import type { LiveVariable } from "../library/library_internals.ts";
import { setLiveValue } from "./live_variable.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** A tag and the variable that serves it. */
export interface TagNode {
  readonly tag: Tag;
  readonly variable: LiveVariable;
  readonly dataType: DataTypeName;
  /** The definition the node was last made or adjusted to. */
  definition: TagDefinition;
}

/** The address space with the switch that keeps the library from looking for model changes while nobody listens. */
type ModelSpace = AddressSpace & { suspendModelChangeEvents?: boolean };

/** What {@link TagNodes.apply} is told: the same shape as the tag store's `DefinitionChange`. */
export interface TagChange {
  readonly added: readonly Tag[];
  readonly removed: readonly Tag[];
  readonly changed: readonly Tag[];
}

/**
 * The folders and variables of applications, devices and metrics, kept equal to the tags and devices that are defined.
 * Application folder → device folder → metric, with NodeIds `<applicationId>`, `<dev>`, `<dev>/<metric>`.
 */
export class TagNodes {
  readonly #space: ModelSpace;
  readonly #namespace: Namespace;
  readonly #gatewayFolder: UAObject;
  readonly #devices: () => readonly DeviceDefinition[];
  readonly #nodes = new Map<TagId, TagNode>();
  /** Device folders by group, with how many tags each holds. */
  readonly #deviceFolders = new Map<
    string,
    { readonly folder: UAObject; readonly application: string; tags: number }
  >();
  /** Application folders by application id, with how many device folders each holds. */
  readonly #applicationFolders = new Map<string, { readonly folder: UAObject; devices: number }>();

  constructor(
    space: ModelSpace,
    namespace: Namespace,
    gatewayFolder: UAObject,
    devices: () => readonly DeviceDefinition[],
  ) {
    this.#space = space;
    this.#namespace = namespace;
    this.#gatewayFolder = gatewayFolder;
    this.#devices = devices;
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** The node of a tag, or `undefined`. */
  get(id: string): TagNode | undefined {
    return this.#nodes.get(id as TagId);
  }

  /** Whether any node of the address space has this id (`ns=0;i=2253`). */
  exists(nodeId: string): boolean {
    return this.#space.findNode(nodeId) !== null;
  }

  /** Adds the nodes of `tags`, silently: for the start, before anybody is connected. */
  addAll(tags: Iterable<Tag>): void {
    const devices = new Map(this.#devices().map((device) => [device.devEui, device]));
    this.#space.suspendModelChangeEvents = true;
    try {
      for (const tag of tags) this.#add(tag, devices);
    } finally {
      this.#space.suspendModelChangeEvents = false;
    }
  }

  /** Follows a change of definitions under open sessions and tells clients by a model change event. */
  apply(change: TagChange): void {
    const devices = new Map(this.#devices().map((device) => [device.devEui, device]));
    for (const tag of change.removed) this.#remove(tag.id);
    for (const tag of change.changed) {
      const node = this.#nodes.get(tag.id);
      if (node !== undefined && this.#adjust(node)) continue;
      if (node !== undefined) this.#remove(tag.id);
      this.#add(tag, devices);
    }
    for (const tag of change.added) this.#add(tag, devices);
    this.#rename(devices);
  }

  #add(tag: Tag, devices: ReadonlyMap<string, DeviceDefinition>): void {
    const { definition } = tag;
    const nodeId = `s=${tag.id}`;
    if (this.#namespace.findNode(`ns=${this.#namespace.index};${nodeId}`) !== null) {
      log.error("Cannot add the OPC UA node of tag {tag} as another node has its id", {
        event: "opcua_node_id_taken",
        tag: tag.id,
      });
      return;
    }
    const parent = this.#folderOf(definition.group, devices);
    const variable = this.#namespace.addVariable({
      nodeId,
      browseName: definition.name,
      componentOf: parent,
      dataType: definition.dataType,
      typeDefinition: typeOf(definition),
      minimumSamplingInterval: 0,
      ...accessOf(definition),
    }) as LiveVariable;
    if (definition.unit !== "") this.#addUnits(variable, definition);
    if (definition.range !== null) this.#addRange(variable, definition, definition.range);
    variable.$dataValue = dataValueOf(tag, definition.dataType);
    this.#nodes.set(tag.id, { tag, variable, dataType: definition.dataType, definition });
    const device = this.#deviceFolders.get(definition.group);
    if (device !== undefined) device.tags++;
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
    const access = accessOf(definition);
    node.variable.accessLevel = access.accessLevel;
    node.variable.userAccessLevel = access.userAccessLevel;
    node.variable.historizing = access.historizing;
    node.definition = definition;
    // switching a tag off or on changes its status without a batch
    setLiveValue(node.variable, node.tag, node.dataType);
    return true;
  }

  #remove(id: TagId): void {
    const node = this.#nodes.get(id);
    if (node === undefined) return;
    this.#nodes.delete(id);
    this.#namespace.deleteNode(node.variable);
    const group = node.definition.group;
    const device = this.#deviceFolders.get(group);
    if (device === undefined || --device.tags > 0) return;
    this.#deviceFolders.delete(group);
    this.#namespace.deleteNode(device.folder);
    const application = this.#applicationFolders.get(device.application);
    if (application === undefined || --application.devices > 0) return;
    this.#applicationFolders.delete(device.application);
    this.#namespace.deleteNode(application.folder);
  }

  #folderOf(group: string, devices: ReadonlyMap<string, DeviceDefinition>): UAObject {
    if (group === "gateway") return this.#gatewayFolder;
    const known = this.#deviceFolders.get(group);
    if (known !== undefined) return known.folder;
    const device = devices.get(group);
    const applicationId = device?.applicationId ?? "";
    const parent = device === undefined
      ? this.#space.rootFolder.objects
      : this.#applicationFolder(applicationId, device.applicationName);
    const folder = this.#addFolder(parent, group, device?.name ?? group);
    this.#deviceFolders.set(group, { folder, application: applicationId, tags: 0 });
    const application = this.#applicationFolders.get(applicationId);
    if (application !== undefined) application.devices++;
    return folder;
  }

  #applicationFolder(id: string, name: string): UAObject {
    const known = this.#applicationFolders.get(id);
    if (known !== undefined) return known.folder;
    const folder = this.#addFolder(this.#space.rootFolder.objects, id, name);
    this.#applicationFolders.set(id, { folder, devices: 0 });
    return folder;
  }

  #addFolder(parent: UAObject, id: string, name: string): UAObject {
    const index = this.#namespace.index;
    // an application may be called like a device or like the gateway's own folder: `$` marks the id that had to give way
    const free = this.#namespace.findNode(`ns=${index};s=${id}`) === null ? id : `$application/${id}`;
    return addFolder(this.#namespace, parent, free, name);
  }

  /** Takes over new names of devices and applications whose tags stayed. */
  #rename(devices: ReadonlyMap<string, DeviceDefinition>): void {
    for (const [group, { folder, application }] of this.#deviceFolders) {
      const device = devices.get(group);
      if (device === undefined) continue;
      renameFolder(folder, device.name);
      const parent = this.#applicationFolders.get(application);
      if (parent !== undefined && device.applicationId === application) {
        renameFolder(parent.folder, device.applicationName);
      }
    }
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

function renameFolder(folder: UAObject, name: string): void {
  if (folder.browseName.name === name) return;
  folder.browseName.name = name;
  folder.setDisplayName(name);
}
