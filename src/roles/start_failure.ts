/** Why a role could not start, with the exit code that the process ends with. */
export interface StartFailure {
  readonly code: string;
  readonly message: string;
  readonly exitCode: number;
}

/** Error codes (of the system and of our rooms) that mean: a local resource cannot be used. */
const localResource = new Set([
  ...["EADDRINUSE", "EADDRNOTAVAIL", "EACCES", "EPERM", "EROFS", "ENOSPC", "ENOTDIR"],
  // the tunnels of an agent
  ...["no_backend", "name_taken", "port_taken", "not_permitted"],
]);

/**
 * Sorts an error of the start: what a person must mend on this machine (port, file, key mode) ends the process with 6,
 * anything else is a crash that the supervisor answers with a restart.
 */
export function startFailure(error: unknown): StartFailure {
  const { code, exitCode } = error as { code?: unknown; exitCode?: unknown };
  const message = error instanceof Error ? error.message : String(error);
  if (typeof exitCode === "number") return { code: typeof code === "string" ? code : "failed", message, exitCode };
  if (error instanceof Deno.errors.AddrInUse) return { code: "EADDRINUSE", message, exitCode: 6 };
  if (error instanceof Deno.errors.PermissionDenied) return { code: "EACCES", message, exitCode: 6 };
  if (typeof code === "string") return { code, message, exitCode: localResource.has(code) ? 6 : 1 };
  return { code: "failed", message: error instanceof Error ? error.stack ?? message : message, exitCode: 1 };
}
