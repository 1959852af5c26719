/**
 * Why something of the mesh was refused:
 *
 * - `E_SIZE` larger than its kind may be; checked before anything is parsed
 * - `E_FORM` not the canonical form, or not of the shape that its `typ` has
 * - `E_HUB` of another hub
 * - `E_AUDIENCE` for, or by, another node
 * - `E_KEY` the key that should verify it is unknown, unusable or not the one that was pinned
 * - `E_SIGNATURE` the signature (or the MAC) does not fit
 * - `E_REPLY` answers another request than ours
 * - `E_AGE` too old, or from the future
 * - `E_NONCE` seen before
 * - `E_TOKEN` a join token that is mistyped, cut or expired
 * - `E_PSK` a pre-shared key exchange that does not add up
 * - `hub_rolled_back`, `hub_forked`, `hub_recovered_needed` thrown by the agent: its hub lost or split its history
 */
export type MeshErrorCode =
  | "E_SIZE"
  | "E_FORM"
  | "E_HUB"
  | "E_AUDIENCE"
  | "E_KEY"
  | "E_SIGNATURE"
  | "E_REPLY"
  | "E_AGE"
  | "E_NONCE"
  | "E_TOKEN"
  | "E_PSK"
  | "hub_rolled_back"
  | "hub_forked"
  | "hub_recovered_needed";

/**
 * What came from the network, a file or a person was refused. The message never repeats received text or a secret, so
 * it may be logged as it is; `code` is stable.
 */
export class MeshError extends Error {
  readonly code: MeshErrorCode;

  constructor(code: MeshErrorCode, message: string) {
    super(message);
    this.name = "MeshError";
    this.code = code;
  }
}
