/** Thrown when the unix socket cannot be made as configured. The process ends with exit code 6: no restart mends it. */
export class LocalSocketError extends Error {
  override readonly name = "LocalSocketError";
  readonly exitCode = 6;

  constructor(
    readonly code: "EADDRINUSE" | "EACCES" | "ENAMETOOLONG" | "EEXIST" | "group_unknown" | "socket_unusable",
    readonly path: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
