import {
  type AddressSpace,
  type CallMethodResultOptions,
  DataType,
  EnumValueType,
  type ISessionContext,
  makeAccessLevelFlag,
  type Namespace,
  Range,
  type UAObject,
  type UAVariable,
  Variant,
  VariantArrayType,
} from "node-opcua";
import { getLogger } from "@logtape/logtape";
import type { Command, Commands } from "../../commands/commands.ts";
import type { CommandArgument, CommandDefinition } from "../../config/command_definition.ts";
import { Quality } from "../../tags/quality.ts";
import type { LiveVariable } from "../library/library_internals.ts";
import { withoutModelChanges } from "../library/model_change.ts";
import { reattachItems } from "../library/monitored_nodes.ts";
import { operatorMayCall, operatorMayWrite } from "../security/node_roles.ts";
import { addMethod } from "../space/add_method.ts";
import { builtInType, dataValue, int64Words, scalar } from "../space/data_values.ts";
import { engineeringUnits } from "../space/engineering_units.ts";
import { addFolder, READ_ONLY } from "../space/folders.ts";
import { InSlices } from "../space/in_slices.ts";
import { ModelChanges } from "../space/model_changes.ts";
import { argumentType, type CommandForm, commandForm, rangeOf } from "./command_value.ts";
import { askedOf, goodValue, nameOf, shownType, showValue, timeValue, waitingValue } from "./shown_values.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** What the nodes show. */
export type ShownCommands = Pick<Commands, "definitions" | "newest" | "lastDone" | "subscribe" | "onDefinitions">;

/** The objects of devices, which stay as long as somebody holds them. */
export interface DeviceObjects {
  hold(devEui: string): UAObject;
  release(devEui: string): void;
  /** Tells clients which of them came and went. */
  tell(): void;
}

/** What {@link CommandNodes} works with. */
export interface CommandNodesOptions {
  readonly space: AddressSpace;
  readonly namespace: Namespace;
  readonly devices: DeviceObjects;
  readonly commands: ShownCommands;
  /** Runs the method of a command that takes several values. */
  readonly send: (
    definition: CommandDefinition,
    inputs: readonly Variant[],
    context: ISessionContext,
  ) => Promise<CallMethodResultOptions>;
}

/** A command and the nodes that serve it. */
export interface CommandNode {
  readonly definition: CommandDefinition;
  readonly form: CommandForm;
  readonly variable: LiveVariable;
  /** What of the definition the nodes show: with another text they are made anew. */
  readonly signature: string;
  readonly shown: ShownVariables;
}

/** The variables below a command's own: what became of the newest command. */
interface ShownVariables {
  readonly state: LiveVariable;
  readonly lastId: LiveVariable;
  readonly detail: LiveVariable;
  readonly requested: LiveVariable;
  readonly updated: LiveVariable;
  /** The value as text, for a variable with named values. */
  readonly text: LiveVariable | null;
}

interface DeviceCommands {
  readonly folder: UAObject;
  readonly parent: UAObject;
  count: number;
}

/**
 * The folder `Commands` of each device with enabled commands: NodeIds `<dev>/$cmd`, `<dev>/$cmd/<name>`, below it
 * `$status/…`, and `$send` for a command that takes several values. Kept equal to the definitions, and to what becomes
 * of commands, under open sessions.
 */
export class CommandNodes {
  readonly #options: CommandNodesOptions;
  readonly #nodes = new Map<string, CommandNode>();
  readonly #devices = new Map<string, DeviceCommands>();
  readonly #changes = new ModelChanges();
  readonly #slices: InSlices;

  constructor(options: CommandNodesOptions) {
    this.#options = options;
    const { space, devices } = options;
    this.#slices = new InSlices((slice) => {
      withoutModelChanges(space, slice);
      devices.tell();
      this.#changes.raise(space);
    });
  }

  /** The node of an identifier, `<dev>/$cmd/<name>`. */
  get(id: string): CommandNode | undefined {
    return this.#nodes.get(id);
  }

  /** Adds the nodes of all commands, silently: for the start, before anybody is connected. */
  addAll(): void {
    withoutModelChanges(this.#options.space, () => {
      for (const definition of enabled(this.#options.commands)) this.#add(definition);
    });
    this.#options.devices.tell();
    this.#changes.clear();
  }

  /** Follows changed definitions, in slices, and tells clients by model change events. */
  apply(): void {
    const wanted = new Map(enabled(this.#options.commands).map((definition) => [idOf(definition), definition]));
    const pieces: (() => void)[] = [];
    for (const [id, node] of this.#nodes) {
      const next = wanted.get(id);
      if (next === undefined || signatureOf(next) !== node.signature) pieces.push(() => this.#remove(id));
      // a payload is not shown
      else if (next !== node.definition) this.#nodes.set(id, { ...node, definition: next });
    }
    for (const [id, definition] of wanted) {
      pieces.push(() => this.#nodes.has(id) || this.#add(definition));
    }
    this.#slices.add(pieces.map((piece) => () => {
      try {
        piece();
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.error("Cannot change the OPC UA node of a command: {reason}", { event: "opcua_node_failed", reason });
      }
    }));
  }

  /** Resolves when the nodes show what is defined. */
  settled(): Promise<void> {
    return this.#slices.settled();
  }

  /** Shows what became of a command. */
  show({ devEui, command }: Pick<Command, "devEui" | "command">): void {
    const node = this.#nodes.get(`${devEui}/$cmd/${command}`);
    if (node !== undefined) this.#show(node);
  }

  stop(): void {
    this.#slices.stop();
  }

  #add(definition: CommandDefinition): void {
    const { namespace, space } = this.#options;
    const id = idOf(definition);
    const device = this.#device(definition.devEui);
    const form = commandForm(definition);
    const isWritable = form.kind !== "method";
    const level = makeAccessLevelFlag(isWritable ? "CurrentRead | CurrentWrite" : "CurrentRead");
    const variable = namespace.addVariable({
      nodeId: `s=${id}`,
      browseName: definition.name,
      componentOf: device.folder,
      description: { text: describe(definition) },
      dataType: shownType(form),
      typeDefinition: typeOf(definition, form),
      minimumSamplingInterval: 0,
      accessLevel: level,
      userAccessLevel: level,
      ...(isWritable ? { rolePermissions: operatorMayWrite } : {}),
    }) as LiveVariable;
    device.count++;
    this.#changes.added(variable, device.folder);
    const text = form.kind === "value" ? this.#addProperties(variable, id, definition, form.argument) : null;
    const status = (name: string, dataType: string) => {
      const added = namespace.addVariable({
        nodeId: `s=${id}/$status/${name}`,
        browseName: name,
        componentOf: variable,
        dataType,
        ...READ_ONLY,
      }) as LiveVariable;
      this.#changes.added(added, variable);
      return added;
    };
    const node: CommandNode = {
      definition,
      form,
      variable,
      signature: signatureOf(definition),
      shown: {
        state: status("State", "String"),
        lastId: status("LastId", "String"),
        detail: status("Detail", "String"),
        requested: status("Requested", shownType(form)),
        updated: status("UpdatedTime", "UtcTime"),
        text,
      },
    };
    this.#nodes.set(id, node);
    if (form.kind === "method") this.#addMethod(id, definition, device.folder);
    this.#show(node);
    for (const shown of [variable, ...Object.values(node.shown)]) if (shown !== null) reattachItems(space, shown);
  }

  #addMethod(id: string, definition: CommandDefinition, folder: UAObject): void {
    const { namespace, send } = this.#options;
    const method = addMethod(namespace, folder, {
      id: `${id}/$send`,
      name: `Send ${definition.name}`,
      description: describe(definition),
      inputs: definition.arguments.map((argument) => ({
        name: argument.name,
        dataType: builtInType[argumentType(argument, rangeOf(argument, definition))],
        description: describeArgument(argument, definition),
      })),
      outputs: [{ name: "commandId", dataType: DataType.String, description: "Id of the command, for GetCommand" }],
      permissions: operatorMayCall,
      run: (inputs, context) => send(this.#nodes.get(id)?.definition ?? definition, inputs, context),
    });
    this.#changes.added(method, folder);
  }

  /** Range, unit and the values that are accepted; returns the text of a named value, where there is one. */
  #addProperties(
    of: UAVariable,
    id: string,
    definition: CommandDefinition,
    argument: CommandArgument,
  ): LiveVariable | null {
    const property = (name: string, dataType: string, value: Variant, valueRank = -1) => {
      const added = this.#options.namespace.addVariable({
        nodeId: `s=${id}/$${name}`,
        browseName: { name, namespaceIndex: name === "AllowedValues" ? this.#options.namespace.index : 0 },
        propertyOf: of,
        dataType,
        valueRank,
        ...READ_ONLY,
      }) as LiveVariable;
      added.$dataValue = goodValue(value);
      return added;
    };
    const range = rangeOf(argument, definition);
    const { unit, values } = argument;
    if (range !== null) property("EURange", "Range", scalar(DataType.ExtensionObject, new Range(range)));
    if (unit !== "") {
      property("EngineeringUnits", "EUInformation", scalar(DataType.ExtensionObject, engineeringUnits(unit)));
    }
    if (values === null) return null;
    if (hasNamedValues(argument)) {
      property(
        "EnumValues",
        "EnumValueType",
        new Variant({
          dataType: DataType.ExtensionObject,
          arrayType: VariantArrayType.Array,
          value: values.map((value) =>
            new EnumValueType({ value: int64Words(Number(value)), displayName: { text: String(value) } })
          ),
        }),
        1,
      );
      return property("ValueAsText", "LocalizedText", scalar(DataType.LocalizedText, null));
    }
    const type = argument.type === "String" ? "String" : "Double";
    const value = argument.type === "String" ? values.map(String) : values.map(Number);
    property(
      "AllowedValues",
      type,
      new Variant({ dataType: builtInType[type], arrayType: VariantArrayType.Array, value }),
      1,
    );
    return null;
  }

  #remove(id: string): void {
    const node = this.#nodes.get(id);
    if (node === undefined) return;
    const { namespace, devices } = this.#options;
    const { devEui } = node.definition;
    const device = this.#devices.get(devEui);
    this.#nodes.delete(id);
    const method = namespace.findNode(`ns=${namespace.index};s=${id}/$send`);
    for (const gone of [method, node.variable]) {
      if (gone === null) continue;
      this.#changes.deleted(gone, device?.folder ?? null);
      namespace.deleteNode(gone);
    }
    if (device === undefined || --device.count > 0) return;
    this.#devices.delete(devEui);
    this.#changes.deleted(device.folder, device.parent);
    namespace.deleteNode(device.folder);
    devices.release(devEui);
  }

  #device(devEui: string): DeviceCommands {
    let device = this.#devices.get(devEui);
    if (device === undefined) {
      const parent = this.#options.devices.hold(devEui);
      const folder = addFolder(this.#options.namespace, parent, `${devEui}/$cmd`, "Commands");
      this.#changes.added(folder, parent);
      this.#devices.set(devEui, device = { folder, parent, count: 0 });
    }
    return device;
  }

  #show({ definition: { devEui, name }, form, variable, shown }: CommandNode): void {
    const { commands } = this.#options;
    const done = commands.lastDone(devEui, name);
    const newest = commands.newest(devEui, name);
    showValue(variable, done === undefined ? waitingValue() : askedOf(done, form));
    if (shown.text !== null) showValue(shown.text, nameOf(variable.$dataValue));
    const at = newest?.updatedUs ?? 0;
    showValue(shown.state, dataValue(newest?.state ?? "none", Quality.Good, at, at, "String"));
    showValue(shown.lastId, dataValue(newest?.id ?? "", Quality.Good, at, at, "String"));
    showValue(shown.detail, dataValue(newest?.detail ?? "", Quality.Good, at, at, "String"));
    showValue(shown.requested, newest === undefined ? waitingValue() : askedOf(newest, form));
    showValue(shown.updated, newest === undefined ? waitingValue() : timeValue(at));
  }
}

function enabled(commands: ShownCommands): CommandDefinition[] {
  return commands.definitions().filter((definition) => definition.enabled);
}

function idOf({ devEui, name }: CommandDefinition): string {
  return `${devEui}/$cmd/${name}`;
}

function signatureOf(definition: CommandDefinition): string {
  return JSON.stringify([definition.arguments, describe(definition), rangeSource(definition)]);
}

/** What decides on ranges beside the arguments. */
function rangeSource({ payload }: CommandDefinition): string {
  return payload.kind;
}

function describe({ deviceName, fPort, confirmed, deadlineMs }: CommandDefinition): string {
  const proof = confirmed ? "acknowledged by the device" : "not acknowledged: it ends when a gateway sent it";
  return `Command to ${deviceName} on port ${fPort}, ${proof}; given up after ${deadlineMs / 1000} s`;
}

function describeArgument(argument: CommandArgument, definition: CommandDefinition): string {
  const range = rangeOf(argument, definition);
  const parts = [
    argument.values === null ? "" : `one of ${argument.values.join(", ")}`,
    range === null ? "" : `${range.low} to ${range.high}`,
    argument.unit,
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** Whether the values that are accepted can be served as an enumeration: whole numbers. */
function hasNamedValues({ type, values }: CommandArgument): boolean {
  return type === "Int" && values !== null && values.every((value) => Number.isSafeInteger(value));
}

/** MultiStateValueDiscreteType asks for EnumValues, AnalogItemType for a range, AnalogUnitType for a unit (OPC 10000-8 §5.3). */
function typeOf(definition: CommandDefinition, form: CommandForm): string {
  if (form.kind !== "value") return "BaseDataVariableType";
  const { argument } = form;
  if (hasNamedValues(argument)) return "MultiStateValueDiscreteType";
  if (argument.type !== "Int" && argument.type !== "Float") return "BaseDataVariableType";
  if (rangeOf(argument, definition) !== null) return "AnalogItemType";
  return argument.unit === "" ? "BaseDataVariableType" : "AnalogUnitType";
}
