import {
  type AddressSpace,
  AttributeIds,
  type BaseNode,
  DataType,
  DataValue,
  type ISessionContext,
  NodeId,
  PermissionFlag,
  RolePermissionType,
  SessionContext,
  StatusCodes,
  VariantArrayType,
} from "node-opcua";

/** What a session may do on one node, for every node with the same permission table. */
type Verdicts = WeakMap<object, Map<string, number>>;

interface RolePermission {
  readonly roleId: NodeId;
  readonly permissions: number;
}

interface PermissionContext {
  readonly session?: object;
  getCurrentUserRoles(): NodeId[];
  getPermissions(node: BaseNode): number;
}

interface NodeWithPermissions {
  readonly rolePermissions?: readonly RolePermission[];
  readonly namespace: { getDefaultRolePermissions(): readonly RolePermission[] | null; readonly index: number };
}

/** The Role that every session has beside its own (OPC 10000-3 §4.9.2); the standard nodes grant it browsing. */
const ANONYMOUS = new NodeId(NodeId.NodeIdType.NUMERIC, 15_644, 0);

let rolesOfSession: (session: object) => readonly NodeId[] | undefined = () => undefined;
let patched = false;

/**
 * Lets `rolesOf` say which Roles a session has. The library asks by user name alone, parses a user's certificate at each
 * question and then looks every permission up in lists: at one question for each node of a Browse that is what a Browse
 * spends its time on. Here the Roles are the session's, and the verdict for a permission table is kept with the table.
 *
 * A session without Roles has those of an anonymous one: nothing beyond what the standard grants to everybody.
 */
export function answerSessionRoles(rolesOf: (session: object) => readonly NodeId[] | undefined): void {
  rolesOfSession = rolesOf;
  if (patched) return;
  patched = true;
  const prototype = SessionContext.prototype as unknown as PermissionContext;
  const permissionsByLibrary = prototype.getPermissions;
  const verdicts: Verdicts = new WeakMap();

  prototype.getCurrentUserRoles = function (this: PermissionContext): NodeId[] {
    // without a session it is the server itself that asks
    if (this.session === undefined) return [];
    return [...rolesOfSession(this.session) ?? [ANONYMOUS]];
  };
  prototype.getPermissions = function (this: PermissionContext, node: BaseNode): number {
    const { session } = this;
    if (session === undefined) return permissionsByLibrary.call(this, node);
    // the standard's own namespace keeps its defaults in nodes, which the library knows how to read
    const table = tableOf(node as unknown as NodeWithPermissions);
    if (table === null) return permissionsByLibrary.call(this, node);
    let known = verdicts.get(table);
    if (known === undefined) verdicts.set(table, known = new Map());
    const roles = rolesOfSession(session) ?? [];
    const key = roles.map((role) => `${role.namespace};${role.value}`).join();
    let flags = known.get(key);
    if (flags === undefined) {
      const all = [...roles, ANONYMOUS];
      flags = table.reduce(
        (sum, { roleId, permissions }) =>
          all.some((role) => role.value === roleId.value && role.namespace === roleId.namespace)
            ? sum | permissions
            : sum,
        PermissionFlag.None as number,
      );
      known.set(key, flags);
    }
    return flags;
  };
}

/** The session of a context; `undefined` for the server itself. */
export function sessionOf(context: ISessionContext): object | undefined {
  return (context as unknown as PermissionContext).session;
}

interface DescribedNode extends NodeWithPermissions {
  _readRolePermissions(context: PermissionContext | null): DataValue;
  _readUserRolePermissions(context: PermissionContext | null): DataValue;
  $describesRoles?: boolean;
}

/**
 * Serves `RolePermissions` and `UserRolePermissions` also where a node has the table of its namespace
 * (OPC 10000-3 §5.2.9): the library answers that there is no such attribute.
 */
export function describeRoles(space: AddressSpace): void {
  const node = prototypeWith(space, "_readRolePermissions") as DescribedNode;
  if (node.$describesRoles) return;
  node.$describesRoles = true;
  const { _readRolePermissions: readAll, _readUserRolePermissions: readOwn } = node;
  node._readRolePermissions = function (this: DescribedNode, context) {
    const table = tableOf(this);
    if (table === null) return readAll.call(this, context);
    const allowed = context === null ||
      (context.getPermissions(this as unknown as BaseNode) & PermissionFlag.ReadRolePermissions) !== 0;
    return allowed ? tableValue(table) : new DataValue({ statusCode: StatusCodes.BadUserAccessDenied });
  };
  node._readUserRolePermissions = function (this: DescribedNode, context) {
    const table = tableOf(this);
    if (table === null) return readOwn.call(this, context);
    const roles = context === null ? [] : context.getCurrentUserRoles();
    return tableValue(table.filter(({ roleId }) => roles.some((role) => role.value === roleId.value)));
  };
}

function tableOf({ rolePermissions, namespace }: NodeWithPermissions): readonly RolePermission[] | null {
  return rolePermissions ?? (namespace.index === 0 ? null : namespace.getDefaultRolePermissions());
}

function tableValue(table: readonly RolePermission[]): DataValue {
  return new DataValue({
    statusCode: StatusCodes.Good,
    value: {
      dataType: DataType.ExtensionObject,
      arrayType: VariantArrayType.Array,
      value: table.map(({ roleId, permissions }) => new RolePermissionType({ roleId, permissions })),
    },
  });
}

function prototypeWith(space: AddressSpace, method: string): object {
  let prototype = Object.getPrototypeOf(space.rootFolder) as object;
  while (!Object.hasOwn(prototype, method)) prototype = Object.getPrototypeOf(prototype);
  return prototype;
}

interface WritableNode {
  canUserWriteAttribute(context: ISessionContext | null, attribute: AttributeIds): boolean;
  isWritable?(context: ISessionContext | null): boolean;
}

/**
 * What nobody can write is answered `BadNotWritable`, whoever asks (OPC 10000-4 §5.11.4): the library looks at the
 * permissions of the user first and would say `BadUserAccessDenied`. Whatever passes here is looked at again by the write
 * itself.
 */
export function tellReadOnlyFirst(space: AddressSpace): void {
  const node = prototypeWith(space, "canUserWriteAttribute") as WritableNode & { $readOnlyFirst?: boolean };
  if (node.$readOnlyFirst) return;
  node.$readOnlyFirst = true;
  const canUserWrite = node.canUserWriteAttribute;
  node.canUserWriteAttribute = function (this: WritableNode, context, attribute) {
    if (attribute !== AttributeIds.Value && attribute !== AttributeIds.Historizing) return true;
    if (attribute === AttributeIds.Value && this.isWritable?.(context) === false) return true;
    return canUserWrite.call(this, context, attribute);
  };
}
