import {
  Argument,
  type CallMethodResultOptions,
  DataType,
  DataValue,
  type ISessionContext,
  type Namespace,
  type RolePermissionTypeOptions,
  StatusCodes,
  type UAMethod,
  type UAObject,
  Variant,
  VariantArrayType,
} from "node-opcua";
import type { LiveVariable } from "../library/library_internals.ts";
import { READ_ONLY } from "./folders.ts";

/** An argument of a method: a scalar. */
export interface MethodArgument {
  readonly name: string;
  readonly dataType: DataType;
  readonly description: string;
}

/** What a method is called, who may call it and what it does. */
export interface MethodOptions {
  /** Identifier of its NodeId; those of its arguments are below it. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly inputs: readonly MethodArgument[];
  readonly outputs: readonly MethodArgument[];
  readonly permissions: RolePermissionTypeOptions[];
  /** Number and types of the arguments are right. Must not reject. */
  readonly run: (inputs: readonly Variant[], context: ISessionContext) => Promise<CallMethodResultOptions>;
}

/**
 * Adds a method below an object. Its arguments have NodeIds that stay, which those of the library's own way do not.
 */
export function addMethod(namespace: Namespace, parent: UAObject, options: MethodOptions): UAMethod {
  const { id, name, description, run } = options;
  const method = namespace.addMethod(parent, {
    nodeId: `s=${id}`,
    browseName: name,
    description: { text: description },
    rolePermissions: options.permissions,
  });
  addArguments("InputArguments", options.inputs);
  addArguments("OutputArguments", options.outputs);
  // the library tells the two forms apart by the number of parameters
  method.bindMethod((inputs: Variant[], context: ISessionContext) => run(inputs, context));
  return method;

  function addArguments(property: "InputArguments" | "OutputArguments", list: readonly MethodArgument[]): void {
    if (list.length === 0) return;
    const variable = namespace.addVariable({
      nodeId: `s=${id}/$${property}`,
      browseName: { name: property, namespaceIndex: 0 },
      propertyOf: method,
      dataType: "Argument",
      valueRank: 1,
      arrayDimensions: [list.length],
      ...READ_ONLY,
    }) as LiveVariable;
    const value = new DataValue(null);
    value.value = new Variant({
      dataType: DataType.ExtensionObject,
      arrayType: VariantArrayType.Array,
      value: list.map(({ name, dataType, description }) =>
        new Argument({ name, dataType, valueRank: -1, description: { text: description } })
      ),
    });
    value.statusCode = StatusCodes.Good;
    value.sourceTimestamp = value.serverTimestamp = new Date();
    variable.$dataValue = value;
  }
}
