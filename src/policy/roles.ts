/** The roles, from the one that may least to the one that may everything. */
export const roles = ["viewer", "operator", "engineer", "admin"] as const;

/**
 * What somebody may do. A viewer reads; an operator also acts on the process (acknowledge, command, force); an engineer
 * also sees and prepares configuration; an admin also changes it, and decides who else may.
 */
export type Role = typeof roles[number];

/** Whether `has` includes everything that `needs` allows. */
export function roleIncludes(has: Role, needs: Role): boolean {
  return roles.indexOf(has) >= roles.indexOf(needs);
}

/** Whether the text names a role. */
export function isRole(text: unknown): text is Role {
  return roles.some((role) => role === text);
}
