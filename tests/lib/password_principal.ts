import type { Principal } from "../../src/access/principal.ts";
import type { Role } from "../../src/policy/roles.ts";

/** A stored user who has logged in with a password, for tests that need no store. */
export function passwordPrincipal(name: string, role: Role = "viewer"): Principal {
  return { kind: "password", name, role, credential: `user:${name}`, user: name, expiresUs: null };
}
