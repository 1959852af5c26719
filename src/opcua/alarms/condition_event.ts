import {
  type BaseNode,
  type BrowsePath,
  BrowsePathResult,
  coerceExpandedNodeId,
  DataType,
  NodeClass,
  NodeId,
  StatusCodes,
  Variant,
} from "node-opcua";
import type { FieldEvent } from "../library/field_events.ts";
import { scalar } from "../space/data_values.ts";
import { conditionField, type ConditionView } from "./condition_fields.ts";
import type { Declaration } from "./type_declarations.ts";

/**
 * An event of a condition: it answers for its fields from the state of the alarm at the event. A field that nobody asks for
 * costs nothing, and one that several ask for is made once. The library's where clauses ask in two steps: for a field by
 * its browse path it names the type's declaration, and for that node's value the field's.
 */
export class ConditionEvent implements FieldEvent {
  readonly eventId: NodeId = NodeId.nullNodeId;
  readonly #condition: BaseNode;
  readonly #declarations: ReadonlyMap<string, Declaration>;
  readonly #view: ConditionView;
  readonly #asked = new Map<string, string>();
  readonly #fields = new Map<string, Variant>();

  /** @param condition the condition's node, which is the ConditionId */
  constructor(condition: BaseNode, declarations: ReadonlyMap<string, Declaration>, view: ConditionView) {
    this.#condition = condition;
    this.#declarations = declarations;
    this.#view = view;
  }

  /** By these two the library judges who may receive the event. */
  get sourceNode(): Variant {
    return this.fieldAt("SourceNode");
  }

  get eventType(): Variant {
    return this.fieldAt("EventType");
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
    return path === undefined ? null : this.fieldAt(path);
  }

  /** The library fills its own events so; this one is full. */
  _createValue(): void {}

  fieldAt(path: string): Variant {
    let field = this.#fields.get(path);
    if (field === undefined) {
      field = eventField(path, this.#condition.nodeId, this.#declarations, this.#view);
      this.#fields.set(path, field);
    }
    return field;
  }
}

/** The field of a condition's event at a path; the ConditionId at the empty one. */
export function eventField(
  path: string,
  conditionId: NodeId,
  declarations: ReadonlyMap<string, Declaration>,
  view: ConditionView,
): Variant {
  if (path === "") return scalar(DataType.NodeId, conditionId);
  const declared = declarations.get(path)?.node.nodeClass;
  // what the type does not declare is no field of its events
  if (declared === undefined) return new Variant();
  // an object has no value: so answers the library
  if (declared === NodeClass.Object) return scalar(DataType.StatusCode, StatusCodes.BadNodeClassInvalid);
  return conditionField(path, view) ?? new Variant();
}

/** The names of a browse path of the standard's namespace, joined by `/`. */
export function relativePath({ relativePath }: BrowsePath): string {
  return (relativePath.elements ?? []).map(({ targetName }) => targetName.toString()).join("/");
}
