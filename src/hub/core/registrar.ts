import { maxRegisterBytes } from "../../mesh/constants.ts";
import { fromBase64, newEventId, sha256Hex } from "../../mesh/encoding.ts";
import { canonicalText } from "../../mesh/canonical.ts";
import { cidrSize, formatIpv4, isHostOf, parseCidr } from "../../mesh/ipv4.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import type { Register } from "../../mesh/objects.ts";
import { openObject, readObject } from "../../mesh/signed_object.ts";
import { type OpenStatement, openStatement } from "../../mesh/statements.ts";
import { isTokenMac } from "../../mesh/token_mac.ts";
import { HubRequestRefused } from "../hub_core.ts";
import type { KeySet, TokenRow } from "../store/hub_rows.ts";
import type { MeshBook } from "./mesh_book.ts";
import type { MeshChange } from "./mesh_change.ts";
import type { MeshNode } from "./mesh_node.ts";
import { peerText } from "./peer_text.ts";
import type { PolicyDesk } from "./policy_desk.ts";
import { newestGeneration } from "./psk_generations.ts";
import type { HubAudit } from "./hub_audit.ts";
import { refusalOf } from "./refusal_of.ts";
import type { SigningKeys } from "./signing_keys.ts";

/** For so long the same node gets the same answer with the same token, without another use: its answer may have been lost. */
const repeatUs = 15 * 60_000_000;

const noSecret = new Uint8Array(32);

/** Takes new nodes in. */
export class Registrar {
  readonly #book: MeshBook;
  readonly #keys: SigningKeys;
  readonly #policy: PolicyDesk;
  readonly #audit: HubAudit;
  readonly #nowUs: () => number;
  readonly #keysChanged: (node: MeshNode) => void;
  /** Where the search for a free address begins. */
  #nextAddress = 1;

  constructor(parts: {
    readonly book: MeshBook;
    readonly keys: SigningKeys;
    readonly policy: PolicyDesk;
    readonly audit: HubAudit;
    readonly nowUs: () => number;
    /** Told after other keys of a node count. */
    readonly keysChanged: (node: MeshNode) => void;
  }) {
    this.#book = parts.book;
    this.#keys = parts.keys;
    this.#policy = parts.policy;
    this.#audit = parts.audit;
    this.#nowUs = parts.nowUs;
    this.#keysChanged = parts.keysChanged;
  }

  /** @param text exact text of an ek.register. @returns exact text of the envelope `registered` */
  register(text: string, address: string): string {
    let claimed: string | null = null;
    let tokenId: string | null = null;
    try {
      const claim = readObject("ek.register", text, maxRegisterBytes);
      tokenId = claim.token_id;
      const statement = openStatement(claim.statement, this.#book.hubId);
      const register = openObject("ek.register", text, {
        hub: this.#book.hubId,
        publicKey: fromBase64(statement.identity_key),
        maxBytes: maxRegisterBytes,
      });
      claimed = statement.node_id;
      const { node, fresh } = this.#admit(register, statement, address);
      if (fresh) {
        this.#audit.done("register", { node: node.id, address }, {
          name: node.row.name,
          mesh_ip: node.meshIp,
          token: register.token_id,
        });
      }
      return this.#answer(node, register.nonce);
    } catch (error) {
      const refusal = refusalOf(error, "statement_refused");
      if (refusal === null) throw error;
      const reason = error instanceof MeshError ? error.message : refusal.message;
      const about = { reason, node_id: claimed, token: tokenId };
      this.#audit.refused("register", { node: null, address }, refusal.code, about);
      throw refusal;
    }
  }

  #admit(register: Register, statement: OpenStatement, address: string): { node: MeshNode; fresh: boolean } {
    if (this.#keys.stopped !== null) {
      throw new HubRequestRefused("hub_stopped", 503, "The hub takes nobody in until it is recovered");
    }
    const { store } = this.#book;
    const nowUs = this.#nowUs();
    const token = store.token(register.token_id);
    // an unknown token and one without secret take the same time and give the same answer as a wrong secret
    const proven = isTokenMac(token?.secret ?? noSecret, register);
    if (token === null || token.secret === null || !proven) {
      throw new HubRequestRefused(
        "token_unknown",
        401,
        "The hub does not know this token, or it was changed on the way",
      );
    }
    const known = this.#book.nodes.get(statement.node_id);
    if (known?.row.state === "removed") {
      throw new HubRequestRefused(
        "node_removed",
        410,
        "This node was removed from the mesh: it joins again with new keys only (edgekeep agent leave, then join)",
      );
    }
    const use = store.tokenUse(token.id, statement.node_id);
    if (use !== null && known !== undefined && nowUs - use.atUs < repeatUs && use.atUs <= nowUs) {
      if (known.row.keys.statementSha256 === statement.sha256) return { node: known, fresh: false };
    }
    checkToken(token, nowUs);
    // the node would not believe the answer, and leave a name here that nobody has
    if (token.createdUs < this.#keys.current.sinceUs) {
      throw new HubRequestRefused(
        "token_outdated",
        403,
        "The hub has another signing key since the token was made: ask its admin for another token",
      );
    }
    if (known !== undefined) checkGeneration(known, statement);
    return {
      node: this.#book.change((change) => this.#take(change, token, register, statement, address)),
      fresh: true,
    };
  }

  #take(
    change: MeshChange,
    token: TokenRow,
    register: Register,
    statement: OpenStatement,
    address: string,
  ): MeshNode {
    const { store } = this.#book;
    const nowUs = this.#nowUs();
    store.putToken({ ...token, usesLeft: token.usesLeft - 1 });
    store.putTokenUse({ tokenId: token.id, nodeId: statement.node_id, atUs: nowUs });
    change.topics.add("tokens");
    const known = this.#book.nodes.get(statement.node_id);
    const node = known === undefined
      ? this.#insert(change, token, register, statement, address)
      : this.#again(change, known, register, statement);
    claimKeys(this.#book, node, keySetOf(statement, nowUs));
    store.putStatement(statement.sha256, node.no, statement.text, nowUs, [node.row.keys.statementSha256]);
    return node;
  }

  #insert(
    change: MeshChange,
    token: TokenRow,
    register: Register,
    statement: OpenStatement,
    address: string,
  ): MeshNode {
    const nowUs = this.#nowUs();
    const generation = newestGeneration(this.#book.wide.generations);
    const node = change.insert({
      nodeId: statement.node_id,
      identityKey: statement.identity_key,
      name: this.#freeName(register.hostname),
      meshIp: this.#freeAddress(),
      groups: token.group === "" ? [] : [token.group],
      state: "active",
      tokenId: token.id,
      registeredUs: nowUs,
      removedUs: null,
      keys: keySetOf(statement, nowUs),
      prepared: null,
      reported: [],
      observations: [],
      nat: "unknown",
      observed: [],
      cosign: null,
      pskFrom: generation,
      firstEvent: this.#book.log.newestId,
      version: register.version,
      binarySha256: register.binary_sha256,
      lastHeartbeatUs: null,
      address,
      rotateDueUs: null,
      rotateAskedUs: null,
    });
    change.broadcast({
      type: "peer_added",
      body: `{"peer":${peerText(node.pieces, "", generation)}}`,
      peer: node.no,
      psk: generation,
    }, node);
    this.#policy.apply(change);
    return node;
  }

  /** A node of ours with a new token: its box was set up again with the keys that it had, or with later ones. */
  #again(change: MeshChange, node: MeshNode, register: Register, statement: OpenStatement): MeshNode {
    const { version, binary_sha256: binarySha256 } = register;
    if (statement.sha256 === node.row.keys.statementSha256) {
      change.update(node, { version, binarySha256 });
      return node;
    }
    const keys = keySetOf(statement, this.#nowUs());
    change.update(node, { version, binarySha256, keys, prepared: null });
    this.#book.store.clearReady(node.no);
    change.after(() => {
      node.ready.clear();
      this.#keysChanged(node);
    });
    const payload = { phase: "commit", peer_id: node.id, statement_sha256: statement.sha256 };
    change.broadcast({ type: "peer_key_rotated", body: canonicalText(payload) }, node);
    return node;
  }

  #answer(node: MeshNode, nonce: string): string {
    const { wide } = this.#book;
    return this.#keys.seal({
      audience: node.id,
      epoch: wide.epoch,
      sequence: node.sequence,
      eventType: "registered",
      eventId: newEventId(),
      replyTo: nonce,
      payload: canonicalText({
        signing_key: this.#keys.publicKey,
        mesh_ip: node.meshIp,
        mesh_cidr: wide.meshCidr,
      }),
    });
  }

  /** The host name, with a number behind it when another node has it. Names of removed nodes are kept: rules may name them. */
  #freeName(wish: string): string {
    const taken = new Set([...this.#book.nodes.values()].map(({ row }) => row.name.toLowerCase()));
    const base = /^n_[0-9a-f]{32}$/.test(wish) || wish === "group" ? `node-${wish.slice(0, 8)}` : wish;
    for (let number = 1;; number++) {
      const suffix = number === 1 ? "" : `-${number}`;
      const name = base.slice(0, 63 - suffix.length) + suffix;
      if (!taken.has(name.toLowerCase())) return name;
    }
  }

  /** The next address that no node has, nor had while its row is kept. */
  #freeAddress(): number {
    const cidr = parseCidr(this.#book.wide.meshCidr);
    if (cidr === null) throw new RangeError(`Cannot read the mesh's network '${this.#book.wide.meshCidr}'`);
    const taken = new Set([...this.#book.nodes.values()].map(({ row }) => row.meshIp));
    const size = cidrSize(cidr);
    for (let tried = 0; tried < size; tried++) {
      const address = cidr.network + ((this.#nextAddress + tried) % size);
      if (!isHostOf(cidr, address) || taken.has(address)) continue;
      this.#nextAddress = address - cidr.network + 1;
      return address;
    }
    throw new HubRequestRefused(
      "mesh_full",
      503,
      `Every address of ${this.#book.wide.meshCidr} after ${formatIpv4(cidr.network)} is given`,
    );
  }
}

/** What the hub keeps of a statement's keys. */
export function keySetOf(statement: OpenStatement, nowUs: number): KeySet {
  return {
    statementSha256: statement.sha256,
    generation: statement.generation,
    wireguardKey: statement.wireguard_key,
    kemKeySha256: sha256Hex(statement.kem_key),
    sinceUs: nowUs,
  };
}

/** Notes that keys are the node's. Throws when they are, or were, another's. */
export function claimKeys(book: MeshBook, node: MeshNode, keys: KeySet): void {
  const own = book.store.claimKey("wireguard", sha256Hex(keys.wireguardKey), node.no) &&
    book.store.claimKey("kem", keys.kemKeySha256, node.no);
  if (own) return;
  throw new HubRequestRefused(
    "key_in_use",
    409,
    "Another node has, or had, the WireGuard or ML-KEM key of this statement",
  );
}

function checkToken(token: TokenRow, nowUs: number): void {
  if (token.revokedUs !== null) {
    throw new HubRequestRefused("token_revoked", 403, "The token was revoked: ask the hub's admin for another");
  }
  if (nowUs >= token.expiresUs) {
    throw new HubRequestRefused("token_expired", 403, "The token has expired: ask the hub's admin for another");
  }
  if (token.usesLeft <= 0) {
    throw new HubRequestRefused("token_used", 403, "The token was used up: ask the hub's admin for another");
  }
}

function checkGeneration({ row }: MeshNode, statement: OpenStatement): void {
  const { generation, sha256 }: { generation: number; sha256: string } = statement;
  if (sha256 === row.keys.statementSha256) return;
  const newest = Math.max(row.keys.generation, row.prepared?.generation ?? 0);
  if (generation > newest || sha256 === row.prepared?.statementSha256) return;
  throw new HubRequestRefused(
    "statement_refused",
    409,
    `The statement's generation must be above ${newest}: current value is ${generation}`,
  );
}
