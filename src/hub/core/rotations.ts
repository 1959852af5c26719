import { canonicalText } from "../../mesh/canonical.ts";
import { livePeerMs, rotationPatienceMs } from "../../mesh/constants.ts";
import type { NodeId } from "../../mesh/ids.ts";
import { openStatement } from "../../mesh/statements.ts";
import { HubRequestRefused } from "../hub_core.ts";
import type { MeshBook } from "./mesh_book.ts";
import type { MeshChange } from "./mesh_change.ts";
import type { MeshNode } from "./mesh_node.ts";
import { Pace } from "./pace.ts";
import { claimKeys, keySetOf } from "./registrar.ts";

/** Peers whose stream is open are waited for so long, also before a heartbeat has told of a handshake with them. */
const onlinePatienceMs = 60_000;
const dayUs = 86_400_000_000;
/** A node that was asked for new keys and did nothing is asked again after this. */
const askAgainUs = 6 * 3_600_000_000;
/** Nodes asked in one look at the schedule. */
const mostAsked = 8;
/** Over how long all nodes are asked when an admin asks all. */
const spreadUs = 10 * 60_000_000;
/**
 * Rotations of one node: so many at once, then one in each interval, ms. Each is an event for all nodes, and its keys are
 * kept for as long as the node's row: at most 105,000 in a year, about 20 MB.
 */
const rotationBurst = 12;
const rotationEveryMs = 5 * 60_000;

/** Rotations of the nodes' WireGuard keys (mesh protocol, key rotation). */
export class Rotations {
  readonly #book: MeshBook;
  readonly #nowUs: () => number;
  readonly #rotateDays: number;
  readonly #random: () => number;
  readonly #keysChanged: (node: MeshNode) => void;
  readonly #pace: Pace<MeshNode>;

  /** @param keysChanged told after other keys of a node count: the relay checks packets with them */
  constructor(
    book: MeshBook,
    options: {
      readonly nowUs: () => number;
      readonly rotateDays: number;
      readonly random: () => number;
      readonly keysChanged: (node: MeshNode) => void;
    },
  ) {
    this.#book = book;
    this.#nowUs = options.nowUs;
    this.#rotateDays = options.rotateDays;
    this.#random = options.random;
    this.#keysChanged = options.keysChanged;
    this.#pace = new Pace(rotationBurst, rotationEveryMs, options.nowUs, new WeakMap());
  }

  /**
   * The node has new keys, and asks for its peers to prepare them. The same statement again is answered the same, and
   * tells those that are still missing once more: a peer that took the whole state meanwhile has not seen the event.
   */
  begin(node: MeshNode, text: string): void {
    const statement = openStatement(text, this.#book.hubId);
    const { keys, prepared } = node.row;
    if (statement.node_id !== node.id) {
      throw new HubRequestRefused("statement_refused", 403, "The statement is another node's");
    }
    if (statement.sha256 === keys.statementSha256) return;
    if (statement.sha256 === prepared?.statementSha256) {
      node.readyTold = false;
      this.#remind(node, statement.sha256);
      this.look(node);
      return;
    }
    const newest = Math.max(keys.generation, prepared?.generation ?? 0);
    if (statement.generation <= newest) {
      throw new HubRequestRefused(
        "statement_refused",
        409,
        `The statement's generation must be above ${newest}: current value is ${statement.generation}`,
      );
    }
    if (statement.wireguard_key === keys.wireguardKey) {
      throw new HubRequestRefused(
        "statement_refused",
        409,
        "The statement has the WireGuard key that is in use already",
      );
    }
    if (!this.#pace.take(node)) {
      throw new HubRequestRefused("too_many", 429, "Too many rotations of this node: wait some minutes");
    }
    const next = keySetOf(statement, this.#nowUs());
    this.#book.change((change) => {
      claimKeys(this.#book, node, next);
      this.#book.store.putStatement(statement.sha256, node.no, text, this.#nowUs(), [keys.statementSha256]);
      this.#clear(change, node);
      change.update(node, { prepared: next, rotateDueUs: null });
      change.broadcast(rotated(node.id, "prepare", statement.sha256), node);
      change.after(() => this.#keysChanged(node));
    });
    this.look(node);
  }

  /** Those that are away are told by the next reminder after they are back. */
  #remind(node: MeshNode, statementSha256: string): void {
    const missing = this.#book.active.filter((peer) => peer !== node && peer.streams > 0 && !node.ready.has(peer.no));
    if (missing.length === 0 || !this.#pace.take(node)) return;
    const event = rotated(node.id, "prepare", statementSha256);
    this.#book.change((change) => change.tellMany(missing.map((peer) => [peer, event])));
  }

  /** A peer has prepared the node's new key. */
  ready(peer: MeshNode, node: MeshNode | undefined, statementSha256: string): void {
    if (node === undefined || node.row.state !== "active" || node === peer) {
      throw new HubRequestRefused("node_unknown", 404, "There is no such node");
    }
    if (node.row.keys.statementSha256 === statementSha256) return;
    if (node.row.prepared?.statementSha256 !== statementSha256) {
      throw new HubRequestRefused("statement_refused", 409, "The node is not rotating to this statement");
    }
    if (node.ready.has(peer.no)) return;
    this.#book.change((change) => {
      this.#book.store.addReady(node.no, peer.no);
      node.ready.add(peer.no);
      change.undo(() => node.ready.delete(peer.no));
    });
    this.look(node);
  }

  /** The node uses the new keys. */
  commit(node: MeshNode, statementSha256: string): void {
    const { keys, prepared } = node.row;
    if (keys.statementSha256 === statementSha256) return;
    if (prepared === null || prepared.statementSha256 !== statementSha256) {
      throw new HubRequestRefused("statement_refused", 409, "No rotation to this statement has begun: rotate first");
    }
    this.#book.change((change) => {
      this.#clear(change, node);
      change.update(node, { keys: { ...prepared, sinceUs: this.#nowUs() }, prepared: null });
      change.broadcast(rotated(node.id, "commit", statementSha256), node);
      change.after(() => this.#keysChanged(node));
    });
  }

  /** Tells a rotating node when its peers are ready, or have been waited for long enough. */
  look(node: MeshNode): void {
    const { prepared } = node.row;
    if (prepared === null || node.readyTold || node.row.state !== "active") return;
    const waitedMs = (this.#nowUs() - prepared.sinceUs) / 1000;
    const peers = this.#book.active.filter((peer) => peer !== node);
    const missing = peers.filter((peer) => !node.ready.has(peer.no));
    if (waitedMs < rotationPatienceMs && missing.some((peer) => this.#isAwaited(node, peer, waitedMs))) return;
    const payload = {
      ready: peers.filter((peer) => node.ready.has(peer.no)).map(({ id }) => id),
      missing: missing.map(({ id }) => id),
      statement_sha256: prepared.statementSha256,
    };
    this.#book.change((change) => {
      change.tell(node, { type: "key_rotation_ready", body: canonicalText(payload) });
      change.assign(node, "readyTold", true);
    });
  }

  /** Looks at every rotation that is under way. */
  lookAtAll(): void {
    for (const node of this.#book.active) if (node.row.prepared !== null) this.look(node);
  }

  /** Asks a node for new keys at once, or all within ten minutes. */
  ask(nodes: readonly MeshNode[]): void {
    const nowUs = this.#nowUs();
    const [only] = nodes;
    this.#book.change((change) => {
      if (nodes.length === 1 && only !== undefined) this.#tell(change, only, nowUs);
      else {
        for (const node of nodes) {
          change.update(node, { rotateDueUs: nowUs + Math.floor(this.#random() * spreadUs) });
        }
      }
    });
  }

  /** Asks the nodes whose time has come, a few at a time. Nodes that are away are asked when they are back. */
  askDue(): void {
    const nowUs = this.#nowUs();
    const due = this.#book.active.filter((node) => this.#isDue(node, nowUs)).slice(0, mostAsked);
    if (due.length > 0) this.#book.change((change) => due.forEach((node) => this.#tell(change, node, nowUs)));
  }

  #isDue({ row, streams, id }: MeshNode, nowUs: number): boolean {
    if (streams === 0 || row.prepared !== null) return false;
    if (row.rotateDueUs !== null) return row.rotateDueUs <= nowUs;
    if (this.#rotateDays === 0) return false;
    if (row.rotateAskedUs !== null && nowUs - row.rotateAskedUs < askAgainUs) return false;
    // nodes that joined in one hour do not rotate in one hour: up to a tenth earlier, always the same for a node
    const share = 0.9 + Number.parseInt(id.slice(2, 8), 16) / 0x100_0000 / 10;
    return nowUs - row.keys.sinceUs > this.#rotateDays * dayUs * share;
  }

  #tell(change: MeshChange, node: MeshNode, nowUs: number): void {
    change.update(node, { rotateDueUs: null, rotateAskedUs: nowUs });
    change.tell(node, { type: "rotate_keys", body: "{}" });
  }

  /** Whether the two had a handshake a short time ago, as either tells, or could have one any moment. */
  #isAwaited(node: MeshNode, peer: MeshNode, waitedMs: number): boolean {
    const newest = Math.max(node.links.handshakeS(peer.slot), peer.links.handshakeS(node.slot));
    if (this.#nowUs() / 1000 - newest * 1000 < livePeerMs) return true;
    return peer.streams > 0 && waitedMs < onlinePatienceMs;
  }

  #clear(change: MeshChange, node: MeshNode): void {
    this.#book.store.clearReady(node.no);
    const before = [...node.ready];
    node.ready.clear();
    change.undo(() => before.forEach((no) => node.ready.add(no)));
    change.assign(node, "readyTold", false);
  }
}

function rotated(peerId: NodeId, phase: "prepare" | "commit", statementSha256: string) {
  const payload = { phase, peer_id: peerId, statement_sha256: statementSha256 };
  return { type: "peer_key_rotated", body: canonicalText(payload) };
}
