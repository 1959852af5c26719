import {
  type AddressSpace,
  type BaseNode,
  DataType,
  DataValue,
  type Namespace,
  NodeClass,
  type NodeId,
  StatusCodes,
  type UAMethod,
  type UAObject,
  type UAVariable,
  Variant,
  VariantArrayType,
} from "node-opcua";
import type { LiveVariable } from "../library/library_internals.ts";
import { engineerMayCall, operatorMayCall } from "../security/node_roles.ts";
import { withoutModelChanges } from "../library/model_change.ts";
import { reattachItems } from "../library/monitored_nodes.ts";
import { scalar } from "../space/data_values.ts";
import { READ_ONLY } from "../space/folders.ts";
import { conditionField, conditionFields, type ConditionView } from "./condition_fields.ts";
import { standard } from "./condition_types.ts";
import type { Declaration } from "./type_declarations.ts";

/** Name of the variable that NormalState points to. */
export const NORMAL_VALUE = "NormalValue";

/** Conditions whose children are kept though nobody monitors one of them. */
export const MAX_UNWATCHED = 16;

/** A condition as far as its children need it. */
export interface ConditionParent {
  readonly id: string;
  readonly node: UAObject;
  readonly declarations: ReadonlyMap<string, Declaration>;
  view(): ConditionView;
}

interface Children {
  readonly condition: ConditionParent;
  readonly top: BaseNode[];
  readonly variables: ReadonlyMap<string, LiveVariable>;
}

/** Methods of conditions by name, with the declaration that says what they take. */
const methods: Readonly<Record<string, number>> = {
  Enable: 9027,
  Disable: 9028,
  AddComment: 9029,
  Acknowledge: 9111,
  Confirm: 9113,
};
const shelvingMethods: Readonly<Record<string, number>> = { TimedShelve: 9213, Unshelve: 9211, OneShotShelve: 9212 };

/**
 * The children of condition nodes: some 60 variables and 8 methods each, which hardly any client looks at. They are made
 * when one of them is browsed or asked for by its id, are `<condition>/<path>`, and those that nobody monitors go again
 * when {@link MAX_UNWATCHED} later conditions were looked at.
 */
export class ConditionChildren {
  readonly #space: AddressSpace;
  readonly #namespace: Namespace;
  readonly #made = new Map<string, Children>();

  constructor(space: AddressSpace, namespace: Namespace) {
    this.#space = space;
    this.#namespace = namespace;
  }

  /** Conditions whose children exist now. */
  get size(): number {
    return this.#made.size;
  }

  make(condition: ConditionParent): void {
    const known = this.#made.get(condition.id);
    this.#made.delete(condition.id);
    // the latest goes last: it is forgotten last
    this.#made.set(condition.id, known ?? this.#silently(() => this.#create(condition)));
    if (known === undefined) this.#forgetUnwatched();
  }

  /** Brings the children of a condition, when it has them, to its state. */
  refresh(condition: ConditionParent): void {
    const children = this.#made.get(condition.id);
    if (children === undefined) return;
    const view = condition.view();
    for (const [path, variable] of children.variables) {
      const value = conditionField(path, view);
      variable.$dataValue = dataValueOf(value, view.alarm.timeUs);
      if (variable.listenerCount("value_changed") > 0) variable.emit("value_changed", variable.$dataValue.clone());
    }
  }

  /** Lets the time that is left of a shelving run down. */
  tick(): void {
    for (const { condition } of this.#made.values()) {
      if (condition.view().alarm.shelving.kind === "timed") this.refresh(condition);
    }
  }

  /** Whether somebody monitors a child of the condition. */
  watched(id: string): boolean {
    const children = this.#made.get(id);
    return children !== undefined && isWatched(children);
  }

  /** Removes the children of a condition. */
  forget(id: string): void {
    const children = this.#made.get(id);
    this.#made.delete(id);
    if (children === undefined) return;
    this.#silently(() => {
      for (const node of children.top) if (this.#space.findNode(node.nodeId)) this.#namespace.deleteNode(node);
    });
  }

  #forgetUnwatched(): void {
    const unwatched = [...this.#made.values()].filter((children) => !isWatched(children));
    for (const { condition } of unwatched.slice(0, Math.max(0, unwatched.length - MAX_UNWATCHED))) {
      this.forget(condition.id);
    }
  }

  #create(condition: ConditionParent): Children {
    const view = condition.view();
    const nodes = new Map<string, BaseNode>([["", condition.node]]);
    const variables = new Map<string, LiveVariable>();
    const top: BaseNode[] = [];
    for (const declaration of condition.declarations.values()) {
      const { path } = declaration;
      const cut = path.lastIndexOf("/");
      const parent = nodes.get(cut < 0 ? "" : path.slice(0, cut));
      if (parent === undefined) continue;
      const node = declaration.node.nodeClass === NodeClass.Object
        ? this.#addObject(condition, declaration as Declaration & { node: UAObject }, parent, view)
        : this.#addVariable(condition, declaration as Declaration & { node: UAVariable }, parent, view);
      if (node === null) continue;
      nodes.set(path, node);
      if (node.nodeClass === NodeClass.Variable) variables.set(path, node as LiveVariable);
      if (cut < 0) top.push(node);
    }
    const normal = this.#addNormalValue(condition, view);
    if (normal !== null) top.push(normal);
    for (const [name, declared] of Object.entries(methods)) {
      top.push(this.#addMethod(condition.node, `${condition.id}/${name}`, declared));
    }
    const shelving = nodes.get("ShelvingState");
    if (shelving !== undefined) {
      for (const [name, declared] of Object.entries(shelvingMethods)) {
        this.#addMethod(shelving, `${condition.id}/ShelvingState/${name}`, declared);
      }
    }
    return { condition, top, variables };
  }

  #addVariable(
    { id }: ConditionParent,
    { path, node, isProperty }: Declaration & { node: UAVariable },
    parent: BaseNode,
    view: ConditionView,
  ): UAVariable | null {
    const value = conditionField(path, view);
    if (value === null) return null;
    const variable = this.#namespace.addVariable({
      nodeId: `s=${id}/${path}`,
      browseName: { name: node.browseName.name ?? "", namespaceIndex: 0 },
      dataType: node.dataType,
      valueRank: node.valueRank,
      ...isProperty ? { propertyOf: parent } : { componentOf: parent as UAObject, typeDefinition: node.typeDefinition },
      ...READ_ONLY,
    });
    (variable as LiveVariable).$dataValue = dataValueOf(value, view.alarm.timeUs);
    reattachItems(this.#space, variable);
    return variable;
  }

  /** The value that NormalState of an off-normal alarm points to (§5.8.23.3). */
  #addNormalValue({ id, node }: ConditionParent, { definition, alarm }: ConditionView): UAVariable | null {
    if (definition?.kind !== "off_normal") return null;
    const variable = this.#namespace.addVariable({
      nodeId: `s=${id}/${NORMAL_VALUE}`,
      browseName: NORMAL_VALUE,
      dataType: "Boolean",
      componentOf: node,
      ...READ_ONLY,
    });
    (variable as LiveVariable).$dataValue = dataValueOf(scalar(DataType.Boolean, definition.normal), alarm.timeUs);
    return variable;
  }

  #addObject(
    { id }: ConditionParent,
    { path, node }: Declaration & { node: UAObject },
    parent: BaseNode,
    view: ConditionView,
  ): UAObject | null {
    // a state machine that an alarm has is known by its state
    if (!conditionFields.has(`${path}/CurrentState`) || conditionField(`${path}/CurrentState`, view) === null) {
      return null;
    }
    return this.#namespace.addObject({
      nodeId: `s=${id}/${path}`,
      browseName: { name: node.browseName.name ?? "", namespaceIndex: 0 },
      typeDefinition: node.typeDefinition,
      componentOf: parent,
    });
  }

  #addMethod(parent: BaseNode, id: string, declared: number): BaseNode {
    const declaration = this.#space.findNode(standard(declared)) as UAMethod;
    const name = declaration.browseName.name ?? "";
    const method = this.#namespace.addMethod(parent as UAObject, {
      nodeId: `s=${id}`,
      browseName: { name, namespaceIndex: 0 },
      rolePermissions: name === "Enable" || name === "Disable" ? engineerMayCall : operatorMayCall,
    });
    (method as { methodDeclarationId: NodeId }).methodDeclarationId = declaration.nodeId;
    const inputs = declaration.getInputArguments();
    if (inputs.length > 0) {
      const property = this.#namespace.addVariable({
        nodeId: `s=${id}/InputArguments`,
        browseName: { name: "InputArguments", namespaceIndex: 0 },
        propertyOf: method,
        typeDefinition: "PropertyType",
        dataType: "Argument",
        valueRank: 1,
        arrayDimensions: [inputs.length],
        ...READ_ONLY,
      });
      const value = new Variant({
        dataType: DataType.ExtensionObject,
        arrayType: VariantArrayType.Array,
        value: inputs,
      });
      (property as LiveVariable).$dataValue = dataValueOf(value, 0);
    }
    return method;
  }

  /** What is made only because somebody looks is no change of the model. */
  #silently<T>(change: () => T): T {
    const result: T[] = [];
    withoutModelChanges(this.#space, () => void result.push(change()));
    return result[0] as T;
  }
}

function isWatched({ variables }: Children): boolean {
  return [...variables.values()].some((node) =>
    node.listenerCount("value_changed") > 0 || node.listenerCount("dispose") > 0
  );
}

function dataValueOf(value: Variant | null, timeUs: number): DataValue {
  const result = new DataValue(null);
  const disabled = value?.dataType === DataType.StatusCode && value.value === StatusCodes.BadConditionDisabled;
  if (value === null) {
    result.statusCode = StatusCodes.BadNotFound;
  } else if (disabled) {
    result.statusCode = value.value;
  } else {
    result.value = value;
    result.statusCode = StatusCodes.Good;
  }
  result.sourceTimestamp = timeUs > 0 ? new Date(Math.floor(timeUs / 1000)) : new Date();
  result.serverTimestamp = new Date();
  return result;
}
