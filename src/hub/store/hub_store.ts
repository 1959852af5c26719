import type { NodeId } from "../../mesh/ids.ts";
import type {
  KeyObjectRow,
  MailRow,
  NewEventRow,
  NodeRow,
  RelayRow,
  StoredHub,
  TokenRow,
  TokenUse,
} from "./hub_rows.ts";

/** Values that the hub keeps one of. */
export type MetaKey =
  | "hub_id"
  | "epoch"
  | "mesh_cidr"
  | "settings"
  | "state_version"
  | "signing"
  | "tls"
  | "policy"
  | "admin_key"
  | "revocation"
  | "psk_refresh"
  | "stopped"
  | "proposal"
  | "event_floor";

/** Secrets that the hub keeps: they never leave the store's file but into memory. */
export type SecretName =
  | "master"
  | "observer_0"
  | "observer_1"
  | "signing"
  | "signing_proposed"
  | "tls"
  | "tls_next";

/**
 * Where the hub keeps all that has to survive it. Writes happen inside {@link HubStore.transact} only; reads see what the
 * running transaction wrote. Nothing here decides anything.
 */
export interface HubStore {
  /** Runs `work` in one transaction that is on the disk when this returns: positions and uses of tokens depend on it. */
  transact<T>(work: () => T): T;
  /** As {@link transact}, but the newest second may be lost by a power cut (not by a kill). */
  transactRelaxed<T>(work: () => T): T;

  load(): StoredHub;
  meta(key: MetaKey): string | null;
  setMeta(key: MetaKey, value: string | null): void;
  secret(name: SecretName): Uint8Array | null;
  setSecret(name: SecretName, value: Uint8Array | null): void;

  /** Numbers are given by the store: pass 0 for a new node. @returns the node's number */
  putNode(node: NodeRow): number;
  deleteNode(no: number): void;
  /** Remembers that a key is the node's; false: it is another's. */
  claimKey(kind: "wireguard" | "kem", sha256: string, no: number): boolean;

  setSequence(no: number, sequence: number): void;
  /** Adds one to the sequence of every node that has one, but `except`. */
  raiseSequences(except: number): void;
  deleteSequence(no: number): void;
  /** @returns the event's id */
  addEvent(event: NewEventRow): number;
  /** As {@link addEvent} for many, in their order. @returns the first one's id; the others follow without gaps */
  addEvents(events: readonly NewEventRow[]): number;
  /** Adds one to the sequence of each of these nodes, as often as it is named. */
  raiseSequencesOf(nos: readonly number[]): void;
  /** Body of an event; `null`: it has none, or is gone. */
  eventBody(id: number): string | null;
  /** Deletes events up to and with an id. */
  pruneEvents(upTo: number): void;

  statement(sha256: string): string | null;
  /** Keeps a statement; of the node's others those in `keep` and the newest three. */
  putStatement(sha256: string, no: number, text: string, atUs: number, keep: readonly string[]): void;

  tokens(): TokenRow[];
  token(id: string): TokenRow | null;
  putToken(token: TokenRow): void;
  deleteToken(id: string): void;
  tokenUses(): TokenUse[];
  tokenUse(tokenId: string, nodeId: NodeId): TokenUse | null;
  putTokenUse(use: TokenUse): void;

  /** Newest message from, to, of this kind. */
  mail(from: number, to: number, typ: string): MailRow | null;
  /** Messages to a node of sequences above `sequence`, the oldest first. */
  mailsTo(to: number, sequence: number, sinceUs: number): MailRow[];
  putMail(mail: MailRow): void;
  /** Messages from and to a node; or, without one, those stored before a time. */
  deleteMails(about: { readonly node: number } | { readonly beforeUs: number }): void;

  addReady(node: number, peer: number): void;
  clearReady(node: number): void;

  putRelay(relay: RelayRow): void;
  deleteRelay(sessionId: string): void;

  keyObjects(): KeyObjectRow[];
  addKeyObject(object: KeyObjectRow): void;

  /** Remembers a request's id; false: it is remembered already. */
  addSeen(jti: string, expUs: number): boolean;
  pruneSeen(beforeUs: number): void;

  /** Size of the file and its log, bytes. */
  bytes(): number;
  close(): void;
}
