import { makeRoles, type NodeId, PermissionFlag, type RolePermissionTypeOptions, WellKnownRoles } from "node-opcua";
import { type Role, roleIncludes, roles } from "../../policy/roles.ts";
import { answerSessionRoles } from "../library/session_roles.ts";

/**
 * The well-known Roles (OPC 10000-18 §4.2) of each of ours: a role has those of the lesser ones too, so that a permission
 * table names the least Role that may.
 */
const WELL_KNOWN: Readonly<Record<Role, readonly WellKnownRoles[]>> = {
  viewer: [WellKnownRoles.Observer],
  operator: [WellKnownRoles.Operator],
  engineer: [WellKnownRoles.Engineer],
  admin: [WellKnownRoles.ConfigureAdmin, WellKnownRoles.SecurityAdmin],
};

const nodeIds = new Map<Role, readonly NodeId[]>(roles.map((role) => [
  role,
  makeRoles(
    [
      WellKnownRoles.AuthenticatedUser,
      ...roles.filter((lesser) => roleIncludes(role, lesser)).flatMap((lesser) => WELL_KNOWN[lesser]),
    ],
  ),
]));

/** The Role NodeIds that a session of this role has, `AuthenticatedUser` among them. */
function roleNodeIds(role: Role): readonly NodeId[] {
  return nodeIds.get(role) ?? [];
}

const READ = PermissionFlag.Browse | PermissionFlag.Read | PermissionFlag.ReadHistory | PermissionFlag.ReceiveEvents;

/** A permission table with what each role may. Administrators see the table itself. */
function tableOf(permissionsOf: (role: Role) => PermissionFlag): RolePermissionTypeOptions[] {
  return roles.flatMap((role) => {
    const permissions = permissionsOf(role) | (role === "admin" ? PermissionFlag.ReadRolePermissions : 0);
    return makeRoles([...WELL_KNOWN[role]]).map((roleId) => ({ roleId, permissions }));
  });
}

/** Everybody reads, and from `role` on people may also do `more`. */
function readAnd(more: PermissionFlag, role: Role): RolePermissionTypeOptions[] {
  return tableOf((one) => READ | (roleIncludes(one, role) ? more : PermissionFlag.None));
}

/** Everybody with a role reads (values, history, events); nobody writes. The default of our namespace. */
export const everybodyMayRead = readAnd(PermissionFlag.None, "viewer");
/** Everybody reads the variable; operators and above write it. */
export const operatorMayWrite = readAnd(PermissionFlag.Write, "operator");
/** Everybody calls the method. */
export const everybodyMayCall = readAnd(PermissionFlag.Call, "viewer");
/** Everybody sees the method; operators and above call it. */
export const operatorMayCall = readAnd(PermissionFlag.Call, "operator");
/** Everybody sees the method; engineers and above call it. */
export const engineerMayCall = readAnd(PermissionFlag.Call, "engineer");

/** Everybody sees that the node is there; engineers and above read it (diagnostics of other people's sessions). */
export const engineerMayRead = tableOf((role) => roleIncludes(role, "engineer") ? READ : PermissionFlag.Browse);
/** Engineers and above see the node; for others it is not there. */
export const engineerMaySee = tableOf((role) => roleIncludes(role, "engineer") ? READ : PermissionFlag.None);

const sessionRoles = new WeakMap<object, Role>();

/** Says which role a session has from now on; `null` takes it away. */
export function setSessionRole(session: object, role: Role | null): void {
  if (role === null) sessionRoles.delete(session);
  else sessionRoles.set(session, role);
}

/** Makes the library judge by these roles; once a process is enough. */
export function judgeBySessionRoles(): void {
  answerSessionRoles((session) => {
    const role = sessionRoles.get(session);
    return role === undefined ? undefined : roleNodeIds(role);
  });
}
