/**
 * A file of the agent cannot be used; the message is for people and says what to do. The agent never mends such a file
 * by itself: a new identity would be another node.
 */
export class AgentFileError extends Error {
  override readonly name = "AgentFileError";
  /** As the command line ends with it: a file of this machine cannot be used. */
  readonly exitCode = 6;

  constructor(
    readonly code: "corrupt" | "unreadable" | "unwritable" | "exposed" | "not_joined" | "already_joined" | "in_use",
    readonly path: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
