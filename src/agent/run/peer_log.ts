import { getLogger } from "@logtape/logtape";
import type { NodeId } from "../../mesh/ids.ts";
import type { PeerStatus } from "../peers/peer_engine.ts";

const log = getLogger(["edgekeep", "agent"]);

/** Most lines of one look: a hub that comes back moves a thousand peers at once. */
const MOST_LINES = 20;

/** Whether a peer is reached, and how, as it was logged last. */
interface Told {
  readonly name: string;
  readonly kind: "reached" | "away" | "refused" | "new";
  /** How it is reached, or why it is refused. */
  readonly detail: string;
}

/** Logs how peers come, go, and change their paths: each as it is at a look, not every step on the way. */
export class PeerLog {
  readonly #told = new Map<NodeId, Told>();

  /** To be called every few seconds. */
  look(peers: readonly PeerStatus[]): void {
    let lines = 0;
    const gone = new Set(this.#told.keys());
    for (const peer of peers) {
      gone.delete(peer.nodeId);
      const before = this.#told.get(peer.nodeId);
      const now = this.#now(peer, before);
      if (before !== undefined && before.kind === now.kind && before.detail === now.detail) continue;
      this.#told.set(peer.nodeId, now);
      if (now.kind === "new" || ++lines > MOST_LINES) continue;
      const about = { peer: peer.name, address: peer.meshIp };
      if (now.kind === "reached") {
        log.info("{peer} ({address}) is reached: {path}", { event: "agent_peer_reached", ...about, path: now.detail });
      } else if (now.kind === "away") {
        log.info("{peer} ({address}) is not reached any more", { event: "agent_peer_away", ...about });
      } else {
        log.warning("{peer} ({address}) is not taken as a peer: {reason}", {
          event: "agent_peer_refused",
          ...about,
          reason: now.detail,
        });
      }
    }
    for (const id of gone) {
      const name = this.#told.get(id)?.name;
      this.#told.delete(id);
      if (++lines <= MOST_LINES) log.info("{peer} is no peer any more", { event: "agent_peer_gone", peer: name });
    }
    if (lines > MOST_LINES) {
      log.info("{count} more peers came, went or changed their paths", {
        event: "agent_peers_changed",
        count: lines - MOST_LINES,
      });
    }
  }

  #now({ name, state, path, endpoint, problem }: PeerStatus, before: Told | undefined): Told {
    if (state === "refused") return { name, kind: "refused", detail: problem ?? "" };
    if (state === "up") {
      // paths are being tried: what was told holds until one is found
      if (path === "none") return before ?? { name, kind: "new", detail: "" };
      return { name, kind: "reached", detail: endpoint === null ? path : `${path}, ${endpoint}` };
    }
    // one that never answered is not away: it may not have started yet
    return before?.kind === "reached" || before?.kind === "away"
      ? { name, kind: "away", detail: "" }
      : { name, kind: "new", detail: "" };
  }
}
