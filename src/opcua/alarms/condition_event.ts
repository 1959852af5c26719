import {
  type BaseNode,
  type BrowsePath,
  BrowsePathResult,
  coerceExpandedNodeId,
  type IEventData,
  NodeId,
  StatusCodes,
  Variant,
} from "node-opcua";
import { conditionField, type ConditionView } from "./condition_fields.ts";
import type { Declaration } from "./type_declarations.ts";

/**
 * An event of a condition, as the library's monitored items take events: asked for a field by its browse path, it names
 * the type's declaration, and asked for that node's value it answers from the state of the alarm at the event. Fields that
 * nobody asks for cost nothing.
 */
export class ConditionEvent implements IEventData {
  readonly eventId: NodeId = NodeId.nullNodeId;
  readonly #condition: BaseNode;
  readonly #declarations: ReadonlyMap<string, Declaration>;
  readonly #view: ConditionView;
  readonly #asked = new Map<string, string>();

  /** @param condition the condition's node, which is the ConditionId */
  constructor(condition: BaseNode, declarations: ReadonlyMap<string, Declaration>, view: ConditionView) {
    this.#condition = condition;
    this.#declarations = declarations;
    this.#view = view;
  }

  /** By these two the library judges who may receive the event. */
  get sourceNode(): Variant {
    return this.#field("SourceNode");
  }

  get eventType(): Variant {
    return this.#field("EventType");
  }

  getEventDataSource(): BaseNode {
    return this.#condition;
  }

  _browse(browsePath: BrowsePath): BrowsePathResult | null {
    const path = relativePath(browsePath);
    const declaration = this.#declarations.get(path);
    if (declaration === undefined) return null;
    const { nodeId } = declaration.node;
    this.#asked.set(nodeId.toString(), path);
    return new BrowsePathResult({
      statusCode: StatusCodes.Good,
      targets: [{ remainingPathIndex: 0xffffffff, targetId: coerceExpandedNodeId(nodeId) }],
    });
  }

  /** Values of declarations only: nothing of the types' own is an event's. */
  _readValue(nodeId: NodeId): Variant | null {
    const path = this.#asked.get(nodeId.toString());
    return path === undefined ? null : this.#field(path);
  }

  /** The library fills its own events so; this one is full. */
  _createValue(): void {}

  #field(path: string): Variant {
    return conditionField(path, this.#view) ?? new Variant();
  }
}

/** The names of a browse path of the standard's namespace, joined by `/`. */
export function relativePath({ relativePath }: BrowsePath): string {
  return (relativePath.elements ?? []).map(({ targetName }) => targetName.toString()).join("/");
}
