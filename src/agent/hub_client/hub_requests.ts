import type { EndpointReport, Heartbeat, HubKeys, KeyReady } from "../../mesh/api_messages.ts";
import type { NodeId } from "../../mesh/ids.ts";

/**
 * What parts of the agent ask of the hub. Each call rejects with a {@link HubRequestError}; none is repeated by itself.
 * Answers carry no instructions: what the agent acts on comes as a signed envelope, or proves itself.
 */
export interface HubRequests {
  heartbeat(beat: Heartbeat): Promise<void>;
  endpoints(report: EndpointReport): Promise<void>;
  /** Announces the statement of the next WireGuard key. */
  rotate(statement: string): Promise<void>;
  rotateCommit(statementSha256: string): Promise<void>;
  keyReady(about: KeyReady): Promise<void>;
  /** Brings a message (exact text of an ek.psk_*) to another node. */
  mail(to: NodeId, message: string): Promise<void>;
  /** Exact text of a statement. Its hash was compared; who signed it, and for whom, the caller checks. */
  statement(sha256: string): Promise<string>;
  /** Links and recoveries as the hub tells them; they are claims until they are verified. */
  hubKeys(): Promise<HubKeys>;
  deregister(): Promise<void>;
}

/** Why a request to the hub came to nothing. */
export class HubRequestError extends Error {
  override readonly name = "HubRequestError";

  constructor(
    /**
     * `unreachable`: no connection, or it broke; `wrong_pin`: somebody else answers there; `timeout`; `refused`: the hub
     * said no, see `status` and `problem`; `bad_answer`: it said something that is none of its answers.
     */
    readonly code: "unreachable" | "wrong_pin" | "timeout" | "refused" | "bad_answer",
    message: string,
    /** HTTP status; 0 without an answer. */
    readonly status = 0,
    /** Stable code of the hub's refusal. */
    readonly problem: string | null = null,
    /** Time after which the hub wants to be asked again, ms. */
    readonly retryAfterMs: number | null = null,
  ) {
    super(message);
  }

  /** Whether trying again later may help: everything but a refusal that is for good. */
  get transient(): boolean {
    return this.code !== "refused" || this.status === 429 || this.status >= 500;
  }
}
