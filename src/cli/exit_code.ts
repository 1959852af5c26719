/** What the process ends with. Scripts and service managers rely on these numbers. */
export const ExitCode = {
  Ok: 0,
  /** Anything that has no code of its own. */
  Failed: 1,
  /** The command line is wrong. */
  Usage: 2,
  /** The configuration is refused. */
  ConfigRefused: 3,
  /** The request is denied. */
  Denied: 4,
  /** A peer cannot be reached. */
  Unreachable: 5,
  /** A port, a file or a key of this machine cannot be used as it is. */
  LocalResource: 6,
} as const;
