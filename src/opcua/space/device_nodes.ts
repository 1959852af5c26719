import { DataType, type Namespace, type UAObject, type UAObjectType, type UAVariable } from "node-opcua";
import type { DeviceDefinition } from "../../config/topology.ts";
import { scalar } from "./data_values.ts";
import { addDeviceType } from "./device_type.ts";
import { addFolder, addNodeVersion, READ_ONLY } from "./folders.ts";
import type { ModelChanges } from "./model_changes.ts";

/** A device's object and what stands below it apart from its metrics. */
interface DeviceNode {
  readonly object: UAObject;
  readonly applicationName: UAVariable;
  application: ApplicationNode | null;
  diagnostics: UAObject | null;
  /** Tags whose variables stand below it. */
  tags: number;
}

interface ApplicationNode {
  readonly id: string;
  readonly folder: UAObject;
  devices: number;
}

/** Where the objects of applications and devices stand. */
export interface DeviceNodesOptions {
  readonly namespace: Namespace;
  /** Folder of the applications. */
  readonly root: UAObject;
  /** Folder of the tags of the group `gateway`. */
  readonly gatewayFolder: UAObject;
  readonly devices: () => readonly DeviceDefinition[];
  readonly changes: ModelChanges;
}

/**
 * The folders of applications and the objects of devices: NodeIds `<applicationId>` and `<dev>`, for a device below it
 * `$DevEUI`, `$ApplicationName` and the folder `$Diagnostics`.
 */
export class DeviceNodes {
  readonly #options: DeviceNodesOptions;
  readonly #type: UAObjectType;
  readonly #devices = new Map<string, DeviceNode>();
  readonly #applications = new Map<string, ApplicationNode>();
  #definitions: ReadonlyMap<string, DeviceDefinition> = new Map();

  constructor(options: DeviceNodesOptions) {
    this.#options = options;
    this.#type = addDeviceType(options.namespace);
    this.readDefinitions();
  }

  /** Looks at the defined devices anew: for those that are made from now on. */
  readDefinitions(): void {
    this.#definitions = new Map(this.#options.devices().map((device) => [device.devEui, device]));
  }

  /** The object of a device, made when it is not there. */
  object(devEui: string): UAObject {
    return this.#device(devEui).object;
  }

  /** The node below which a tag's variable is to stand, made when it is not there, and one more tag for its device. */
  take(group: string, name: string): UAObject {
    if (group === "gateway") return this.#options.gatewayFolder;
    const device = this.#device(group);
    device.tags++;
    return name.startsWith("$") ? device.diagnostics ??= this.#addDiagnostics(group, device.object) : device.object;
  }

  /** One tag fewer; a device without any goes, and so does an application without devices. */
  release(group: string): void {
    const device = this.#devices.get(group);
    if (device === undefined || --device.tags > 0) return;
    this.#devices.delete(group);
    const { namespace, changes } = this.#options;
    changes.deleted(device.object, device.application?.folder ?? this.#options.root);
    namespace.deleteNode(device.object);
    this.#leave(device.application);
  }

  /** Takes over names and places of devices and applications that stayed. */
  follow(): void {
    for (const [devEui, device] of this.#devices) {
      const definition = this.#definitions.get(devEui);
      if (definition === undefined) continue;
      this.#place(device, definition);
      describe(device, definition);
      if (device.application !== null) rename(device.application.folder, definition.applicationName);
    }
  }

  #device(devEui: string): DeviceNode {
    let device = this.#devices.get(devEui);
    if (device === undefined) this.#devices.set(devEui, device = this.#addDevice(devEui));
    return device;
  }

  #addDevice(devEui: string): DeviceNode {
    const { namespace, root, changes } = this.#options;
    const definition = this.#definitions.get(devEui);
    const application = definition === undefined ? null : this.#application(definition);
    const parent = application?.folder ?? root;
    const id = this.#freeId(devEui);
    const object = namespace.addObject({
      nodeId: `s=${id}`,
      browseName: definition?.name ?? devEui,
      organizedBy: parent,
      typeDefinition: this.#type,
    });
    addNodeVersion(namespace, object, id);
    const property = (name: string, value: string) => {
      const added = namespace.addVariable({
        nodeId: `s=${id}/$${name}`,
        browseName: name,
        propertyOf: object,
        dataType: "String",
        ...READ_ONLY,
      });
      added.setValueFromSource(scalar(DataType.String, value));
      return added;
    };
    property("DevEUI", devEui);
    const device: DeviceNode = {
      object,
      applicationName: property("ApplicationName", definition?.applicationName ?? ""),
      application,
      diagnostics: null,
      tags: 0,
    };
    if (application !== null) application.devices++;
    if (definition !== undefined) describe(device, definition);
    changes.added(object, parent);
    return device;
  }

  #addDiagnostics(devEui: string, object: UAObject): UAObject {
    const { namespace, changes } = this.#options;
    const id = `${devEui}/$Diagnostics`;
    const folder = namespace.addObject({
      nodeId: `s=${id}`,
      browseName: "Diagnostics",
      componentOf: object,
      typeDefinition: "FolderType",
    });
    addNodeVersion(namespace, folder, id);
    changes.added(folder, object);
    return folder;
  }

  #application({ applicationId: id, applicationName }: DeviceDefinition): ApplicationNode {
    let application = this.#applications.get(id);
    if (application === undefined) {
      const { namespace, root, changes } = this.#options;
      const folder = addFolder(namespace, root, this.#freeId(id), applicationName);
      changes.added(folder, root);
      this.#applications.set(id, application = { id, folder, devices: 0 });
    }
    return application;
  }

  /** Puts a device below the application that it is configured for; its NodeIds stay. */
  #place(device: DeviceNode, definition: DeviceDefinition): void {
    const before = device.application;
    if (before?.id === definition.applicationId) return;
    const { root, changes } = this.#options;
    const application = this.#application(definition);
    const from = before?.folder ?? root;
    const reference = { referenceType: "Organizes", isForward: true, nodeId: device.object.nodeId };
    from.removeReference(reference);
    application.folder.addReference(reference);
    application.devices++;
    device.application = application;
    changes.moved(device.object, from, application.folder);
    this.#leave(before);
  }

  #leave(application: ApplicationNode | null): void {
    if (application === null || --application.devices > 0) return;
    const { namespace, root, changes } = this.#options;
    this.#applications.delete(application.id);
    changes.deleted(application.folder, root);
    namespace.deleteNode(application.folder);
  }

  /** An application may be called like a device or like the gateway's folder: `$` marks the id that had to give way. */
  #freeId(id: string): string {
    const { namespace } = this.#options;
    return namespace.findNode(`ns=${namespace.index};s=${id}`) === null ? id : `$application/${id}`;
  }
}

function describe({ object, applicationName }: DeviceNode, definition: DeviceDefinition): void {
  rename(object, definition.name);
  const text = `LoRaWAN device ${definition.devEui} of ${definition.applicationName}`;
  if (object.description.text !== text) object.setDescription({ text });
  if (applicationName.readValue().value.value !== definition.applicationName) {
    applicationName.setValueFromSource(scalar(DataType.String, definition.applicationName));
  }
}

function rename(object: UAObject, name: string): void {
  if (object.browseName.name === name) return;
  object.browseName.name = name;
  object.setDisplayName(name);
}
