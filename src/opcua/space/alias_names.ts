import {
  type AddressSpace,
  type BaseNode,
  type CallMethodResultOptions,
  DataType,
  type ISessionContext,
  type Namespace,
  type NodeId,
  resolveNodeId,
  StatusCodes,
  type UAMethod,
  type UAObject,
  type UAReferenceType,
  type UAVariable,
  type Variant,
  VariantArrayType,
} from "node-opcua";
import { likePattern } from "./like_pattern.ts";
import type { ModelChanges } from "./model_changes.ts";

/** Seconds between the epochs of Unix and of VersionTime (OPC 10000-4 §7.44). */
const EPOCH_2000_S = 946_684_800;

interface AliasName {
  readonly object: UAObject;
  /** What it stands for; `null` while a change is under way. */
  target: UAVariable | null;
}

/**
 * Names of values that stay when the device behind them is another one (OPC 10000-17): an AliasNameType object
 * `$alias/<name>` below `Aliases/TagVariables`, whose reference AliasFor leads to the variable, found by FindAlias.
 */
export class AliasNames {
  readonly #space: AddressSpace;
  readonly #namespace: Namespace;
  readonly #changes: ModelChanges;
  readonly #category: UAObject;
  readonly #names = new Map<string, AliasName>();

  constructor(space: AddressSpace, namespace: Namespace, changes: ModelChanges) {
    this.#space = space;
    this.#namespace = namespace;
    this.#changes = changes;
    this.#category = this.#standard("TagVariables") as UAObject;
    for (const method of ["Aliases_FindAlias", "TagVariables_FindAlias"]) {
      // the library tells the two forms apart by the number of parameters
      (this.#standard(method) as UAMethod).bindMethod((inputs: Variant[], _context: ISessionContext) =>
        Promise.resolve(this.#find(inputs))
      );
    }
  }

  /** Lets a name stand for a variable. */
  point(name: string, variable: UAVariable): void {
    let alias = this.#names.get(name);
    if (alias === undefined) {
      const object = this.#namespace.addObject({
        nodeId: `s=$alias/${name}`,
        browseName: name,
        organizedBy: this.#category,
        typeDefinition: "AliasNameType",
      });
      this.#changes.added(object, this.#category);
      this.#names.set(name, alias = { object, target: null });
    }
    alias.target = variable;
    alias.object.addReference({ referenceType: "AliasFor", nodeId: variable.nodeId });
    this.#changes.pointed(alias.object);
    this.#touch();
  }

  /** A variable goes, or is called otherwise: its name stays until {@link sweep}, for the one that takes it over. */
  release(name: string, variable: UAVariable): void {
    const alias = this.#names.get(name);
    if (alias === undefined || alias.target !== variable) return;
    alias.target = null;
    alias.object.removeReference({ referenceType: "AliasFor", nodeId: variable.nodeId });
    this.#changes.pointed(alias.object);
    this.#touch();
  }

  /** Removes the names that nobody took over. */
  sweep(): void {
    for (const [name, { object, target }] of this.#names) {
      if (target !== null) continue;
      this.#names.delete(name);
      this.#changes.deleted(object, this.#category);
      this.#namespace.deleteNode(object);
    }
  }

  /** FindAlias (OPC 10000-17 §6.3.2): names that match, in the order of their definition. */
  #find([pattern, filter]: readonly Variant[]): CallMethodResultOptions {
    let isWanted: (name: string) => boolean;
    try {
      isWanted = likePattern(String(pattern?.value ?? ""));
    } catch {
      return { statusCode: StatusCodes.BadInvalidArgument };
    }
    const takes = this.#takes(filter?.value as NodeId | null | undefined);
    if (takes === null) return { statusCode: StatusCodes.BadInvalidArgument };
    const found = [...this.#names].filter(([name, { target }]) => takes && target !== null && isWanted(name));
    const value = found.map(([name, { target }]) =>
      this.#space.constructExtensionObject(resolveNodeId("AliasNameDataType"), {
        aliasName: { name, namespaceIndex: this.#namespace.index },
        referencedNodes: target === null ? [] : [target.nodeId],
      })
    );
    return {
      statusCode: StatusCodes.Good,
      outputArguments: [{ dataType: DataType.ExtensionObject, arrayType: VariantArrayType.Array, value }],
    };
  }

  /** Whether references of a type, or of types below it, include AliasFor; `null` when it is no reference type. */
  #takes(filter: NodeId | null | undefined): boolean | null {
    if (filter === null || filter === undefined || filter.isEmpty()) return true;
    const type = this.#space.findReferenceType(filter);
    if (type === null) return null;
    return (this.#standard("AliasFor") as UAReferenceType).isSubtypeOf(type);
  }

  #touch(): void {
    const seconds = Math.floor(Date.now() / 1000) - EPOCH_2000_S;
    const lastChange = this.#space.findNode(resolveNodeId("Aliases_LastChange")) as UAVariable | null;
    lastChange?.setValueFromSource({ dataType: DataType.UInt32, value: seconds });
  }

  #standard(name: string): BaseNode {
    const node = this.#space.findNode(resolveNodeId(name));
    if (node === null) throw new Error(`Cannot serve aliases as the address space has no node '${name}'`);
    return node;
  }
}
