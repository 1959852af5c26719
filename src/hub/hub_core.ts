import type { HubId, NodeId } from "../mesh/ids.ts";

/** Why a node's request is refused; the API answers it as problem+json. */
export class HubRequestRefused extends Error {
  override readonly name = "HubRequestRefused";

  constructor(
    /** Stable: `token_unknown`, `token_used`, `token_expired`, `node_unknown`, `node_removed`, `statement_refused`, … */
    readonly code: string,
    readonly status: 400 | 401 | 403 | 404 | 409 | 410 | 413 | 429 | 503,
    message: string,
  ) {
    super(message);
  }
}

/** An event of one node, as it is stored: unsigned. */
export interface StoredEvent {
  readonly epoch: number;
  readonly sequence: number;
  readonly eventType: string;
  readonly eventId: string;
  /** RFC 8785 text of the payload. */
  readonly payload: string;
}

/** What a node's signed requests act on. Everything synchronous runs in one SQLite transaction. */
export interface HubCore {
  readonly hubId: HubId;
  /** Position of a node now. */
  position(node: NodeId): { readonly epoch: number; readonly sequence: number; readonly stateSha256: string };
  /** Identity key of an active node. Throws {@link HubRequestRefused} for an unknown or removed one. */
  identityKey(node: NodeId): Uint8Array;
  /** Remembers a request's id until `expUs`; false: it was seen before. */
  firstSeen(jti: string, expUs: number): boolean;
  /** Registers with the exact text of an ek.register; gives the exact text of the envelope `registered`. */
  register(text: string, address: string): string;
  /** The exact text of the envelope `node_state`, answering the request of this nonce. */
  stateEnvelope(node: NodeId, replyTo: string): string;
  /** The exact text of a `tick` for a stream that was opened with this nonce. */
  tickEnvelope(node: NodeId, replyTo: string): string;
  /** The exact text of an envelope `time`. */
  timeEnvelope(nonce: string): string;
  /** Signs a stored event for a stream. */
  eventEnvelope(node: NodeId, event: StoredEvent, replyTo: string): string;
  /** Events above `sequence` of this epoch, oldest first; `null`: they are no longer kept, or too many: send the state. */
  eventsAfter(node: NodeId, epoch: number, sequence: number, most: number): readonly StoredEvent[] | null;
  /** Calls back after an event of any node is stored (after commit); returns what ends it. */
  onEvent(listener: (node: NodeId) => void): () => void;
  /** Calls back when a node's streams must close (removed, left); returns what ends it. */
  onClosed(listener: (node: NodeId) => void): () => void;
  /** Links and recoveries, exact texts, oldest first. */
  keyObjects(): readonly string[];
  /** Exact text of a statement; `null`: unknown. */
  statement(sha256: string): string | null;
  heartbeat(node: NodeId, beat: import("../mesh/api_messages.ts").Heartbeat, address: string): void;
  putEndpoints(
    node: NodeId,
    endpoints: readonly { readonly kind: "lan" | "observed" | "static"; readonly address: string }[],
  ): void;
  mail(from: NodeId, to: NodeId, message: string): void;
  rotate(node: NodeId, statement: string): void;
  rotateCommit(node: NodeId, statementSha256: string): void;
  keyReady(node: NodeId, about: { readonly peerId: NodeId; readonly statementSha256: string }): void;
  deregister(node: NodeId): void;
  /** Whether its stream is open, for presence. */
  streamOpened(node: NodeId): void;
  streamClosed(node: NodeId): void;
  /** An observer read a handshake initiation of the node with this WireGuard key. */
  observed(wireguardKey: Uint8Array, observer: 0 | 1, address: string, tai64n: Uint8Array): void;
  /** WireGuard keys that the observers and the relay accept: of active nodes, current and prepared. */
  nodeOfWireguardKey(key: Uint8Array): NodeId | null;
  wireguardKeys(node: NodeId): readonly Uint8Array[];
}

/** The relay as the core uses it. */
export interface Relay {
  /**
   * Opens a session; throws RangeError when all are taken. Ports are one for each node. `ports` are those that the
   * session had before a restart: taken again when they are free, so that the nodes notice nothing.
   */
  open(
    session: {
      readonly sessionId: string;
      readonly a: NodeId;
      readonly b: NodeId;
      readonly expiresUs: number;
      readonly ports?: { readonly portOfA: number; readonly portOfB: number };
    },
  ): { readonly portOfA: number; readonly portOfB: number };
  /** Gives an open session another end; ports and sources stay. */
  renew(sessionId: string, expiresUs: number): void;
  /** Other keys of a node, after a rotation. */
  keysChanged(node: NodeId): void;
  close(sessionId: string): void;
  status(): {
    readonly sessions: number;
    readonly most: number;
    readonly forwardedBytes: number;
    readonly droppedPackets: number;
  };
}
