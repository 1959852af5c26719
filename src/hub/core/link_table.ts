/** Ways of a tunnel, as numbers of a table. */
const linkPaths = ["unknown", "none", "lan", "direct", "relay"] as const;
/** A way of a tunnel, as a node told it. */
export type LinkPath = (typeof linkPaths)[number];

/** What one node told of its tunnel to one peer. */
export interface LinkReport {
  readonly path: LinkPath;
  /** s since the epoch; 0: never. */
  readonly handshakeS: number;
  readonly rx: number;
  readonly tx: number;
  readonly rttMs: number | null;
  /** Since when its reports say `none`, ms; 0: they do not. */
  readonly noneSinceMs: number;
  /** Since when they say `lan` or `direct`, ms; 0: they do not. */
  readonly directSinceMs: number;
}

const noRtt = 0xffff;

/**
 * What one node's heartbeats tell of its tunnels, by the slot of the peer: columns, since a thousand nodes have a
 * million of these.
 */
export class LinkTable {
  #path = new Uint8Array(0);
  #handshake = new Uint32Array(0);
  #rx = new Float64Array(0);
  #tx = new Float64Array(0);
  #rtt = new Uint16Array(0);
  #noneSince = new Float64Array(0);
  #directSince = new Float64Array(0);

  set(
    slot: number,
    report: { path: Exclude<LinkPath, "unknown">; handshakeS: number; rx: number; tx: number; rttMs: number | null },
    nowMs: number,
  ): void {
    if (slot >= this.#path.length) this.#grow(slot + 1);
    this.#path[slot] = linkPaths.indexOf(report.path);
    this.#handshake[slot] = Math.min(report.handshakeS, 0xffff_ffff);
    this.#rx[slot] = report.rx;
    this.#tx[slot] = report.tx;
    this.#rtt[slot] = report.rttMs === null ? noRtt : Math.min(report.rttMs, noRtt - 1);
    const direct = report.path === "lan" || report.path === "direct";
    if (report.path !== "none") this.#noneSince[slot] = 0;
    else this.#noneSince[slot] = since(this.#noneSince[slot], nowMs);
    if (!direct) this.#directSince[slot] = 0;
    else this.#directSince[slot] = since(this.#directSince[slot], nowMs);
  }

  /** `null`: nothing was told. */
  get(slot: number): LinkReport | null {
    const path = linkPaths[this.#path[slot] ?? 0] ?? "unknown";
    if (path === "unknown") return null;
    const rtt = this.#rtt[slot] ?? noRtt;
    return {
      path,
      handshakeS: this.#handshake[slot] ?? 0,
      rx: this.#rx[slot] ?? 0,
      tx: this.#tx[slot] ?? 0,
      rttMs: rtt === noRtt ? null : rtt,
      noneSinceMs: this.#noneSince[slot] ?? 0,
      directSinceMs: this.#directSince[slot] ?? 0,
    };
  }

  /** Time of the newest handshake, s since the epoch; 0: none is known. */
  handshakeS(slot: number): number {
    return this.#handshake[slot] ?? 0;
  }

  /** Another peer has the slot now. */
  forget(slot: number): void {
    if (slot >= this.#path.length) return;
    this.#path[slot] =
      this.#handshake[slot] =
      this.#rx[slot] =
      this.#tx[slot] =
        0;
    this.#noneSince[slot] = this.#directSince[slot] = 0;
  }

  #grow(least: number): void {
    const size = Math.max(8, Math.ceil(least * 1.25));
    this.#path = copied(new Uint8Array(size), this.#path);
    this.#handshake = copied(new Uint32Array(size), this.#handshake);
    this.#rx = copied(new Float64Array(size), this.#rx);
    this.#tx = copied(new Float64Array(size), this.#tx);
    this.#rtt = copied(new Uint16Array(size), this.#rtt);
    this.#noneSince = copied(new Float64Array(size), this.#noneSince);
    this.#directSince = copied(new Float64Array(size), this.#directSince);
  }
}

/** What began after now did so by a clock that was set back since: it begins now. */
function since(beganMs: number | undefined, nowMs: number): number {
  return beganMs === undefined || beganMs === 0 || beganMs > nowMs ? Math.max(1, nowMs) : beganMs;
}

function copied<T extends { set(from: T): void }>(to: T, from: T): T {
  to.set(from);
  return to;
}
