/** Who may ask for an address. */
export type AccessRule =
  /** Everybody: the page's files, and addresses at which there is nothing. */
  | "public"
  /** Everybody, with a credential of its own in the body: log in, claim a pairing code. */
  | "login"
  /** Everybody, and alone in question while nobody can log in. */
  | "setup"
  /** Everybody learns who they are. */
  | "session"
  /** Programs on this machine, others when the configuration lets them; else as `viewer`. */
  | "probe"
  /** Programs on this machine, others as `viewer`. */
  | "local"
  /** Whoever is known; operations then judge the role. */
  | "viewer";

/**
 * The rule of an address. Everything under `/api` that is not named here needs a known caller, routes to come included.
 *
 * @param publicOperations paths of operations that need no role, by rule
 */
export function accessRule(
  method: string,
  path: string,
  publicOperations: ReadonlyMap<string, "login" | "setup">,
): AccessRule {
  if (path === "/healthz" || path === "/readyz") return "probe";
  if (path === "/metrics" || path === "/api/health") return "local";
  if (path === "/api/v1/session") return method === "POST" ? "login" : "session";
  if (path === "/api" || path.startsWith("/api/")) return publicOperations.get(`${method} ${path}`) ?? "viewer";
  return "public";
}
