/** The hub cannot be opened. The message says what to do. */
export class HubOpenError extends Error {
  override readonly name = "HubOpenError";
  readonly exitCode = 6;

  constructor(
    /** `hub_store_unusable`, `hub_store_missing`, `hub_cidr_changed`. */
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
