import { keepaliveSeconds, pathTrialMs } from "../../mesh/constants.ts";
import { fromBase64, toBase64 } from "../../mesh/encoding.ts";
import type { NodeId } from "../../mesh/ids.ts";
import type { PathSelector } from "../paths/path_selector.ts";
import type { DevicePeer, DeviceState, PeerChange, WireGuardDevice } from "../wireguard/wireguard_device.ts";
import { hostRoute } from "./peer_book.ts";
import type { PeerLink } from "./peer_link.ts";

/** What {@link DeviceSync} needs. */
export interface DeviceSyncParts {
  /** The device now: one that broke is opened anew by its owner. */
  readonly device: () => WireGuardDevice;
  readonly paths: PathSelector;
  /** Public addresses that the observers saw this node at. */
  readonly ownObserved: () => readonly string[];
  /** Called after an endpoint that `paths` chose was set: something has to be sent to the peer now. */
  readonly pathSet?: (peer: NodeId) => void;
  /** Monotonic ms. */
  readonly nowMs: () => number;
  /** µs UTC by this machine's clock. */
  readonly nowUs: () => number;
}

/** Most peers that one transaction changes: so a large mesh does not hold the device for long. */
const batch = 64;
/** How long the path of a peer is looked at every second after its endpoint was set. */
const pathEagerMs = 3 * pathTrialMs;
/** How often routes are looked at although nothing changed. */
const routesEveryMs = 60_000;

/**
 * Makes the device carry exactly the peers that may be on it, by difference: a peer that is as it should be is not
 * touched, so its session goes on. Routes come before peers, and peers go before their routes.
 */
export class DeviceSync {
  readonly #parts: DeviceSyncParts;
  #state: DeviceState | null = null;
  #lookedMs = -Infinity;
  #routes: string | null = null;
  #routesMs = -Infinity;
  readonly #pathSetMs = new Map<NodeId, number>();
  /** Peers that were removed while something was under way that might have set them again. */
  readonly gone = new Set<NodeId>();

  constructor(parts: DeviceSyncParts) {
    this.#parts = parts;
  }

  /** Reads the device, unless it was read within `freshMs`, and lets the links know. */
  async look(links: ReadonlyMap<NodeId, PeerLink>, freshMs: number): Promise<DeviceState> {
    const { device, nowMs, nowUs } = this.#parts;
    if (this.#state !== null && nowMs() - this.#lookedMs < freshMs) return this.#state;
    const state = await device().state();
    this.#state = state;
    this.#lookedMs = nowMs();
    const byKey = new Map(state.peers.map((peer) => [toBase64(peer.publicKey), peer]));
    for (const link of links.values()) {
      const key = link.applied?.wireguardKey ?? link.statement?.wireguard_key;
      const seen = key === undefined ? undefined : byKey.get(key);
      if (seen !== undefined) link.observe(seen, this.#lookedMs, nowUs());
      else if (link.applied !== null) link.applied = null;
    }
    return state;
  }

  /** Sets the private key. */
  async setPrivateKey(privateKey: Uint8Array): Promise<void> {
    this.#state = null;
    await this.#parts.device().setPrivateKey(privateKey);
  }

  /** Takes one peer off the device now, whatever else is under way. */
  async take(link: PeerLink): Promise<void> {
    this.gone.add(link.nodeId);
    this.#state = null;
    const keys = new Set([link.applied?.wireguardKey, link.statement?.wireguard_key, link.prepared?.wireguard_key]);
    const changes = [...keys].flatMap((key): PeerChange[] =>
      key === undefined ? [] : [{ publicKey: fromBase64(key), remove: true }]
    );
    this.#parts.paths.forget(link.nodeId);
    this.#pathSetMs.delete(link.nodeId);
    link.wasTaken();
    if (changes.length > 0) await this.#parts.device().apply(changes);
  }

  /**
   * Makes the device follow the links.
   *
   * @param observers WireGuard keys (base64) of the hub's observers, which are on the device now and then
   */
  async follow(
    links: ReadonlyMap<NodeId, PeerLink>,
    mode: "end-to-end" | "hub",
    observers: ReadonlySet<string>,
  ): Promise<void> {
    const { nowMs } = this.#parts;
    const state = await this.look(links, 1000);
    const onDevice = new Map(state.peers.map((peer) => [toBase64(peer.publicKey), peer]));
    const byAddress = new Map(state.peers.flatMap((peer) => peer.allowedIps.map((ip) => [ip, peer] as const)));
    const wanted = [];
    const keep = new Set<string>();
    for (const link of links.values()) {
      const choice = this.gone.has(link.nodeId) ? null : link.choice(mode, nowMs());
      const meshIp = link.record?.mesh_ip ?? null;
      if (choice === null || meshIp === null) {
        if (link.applied !== null) link.wasTaken();
        continue;
      }
      const route = hostRoute(meshIp);
      const seen = onDevice.get(choice.wireguardKey);
      // the same node under the key that it had before: the new one takes its place in one transaction
      const before = seen === undefined ? byAddress.get(route) : undefined;
      keep.add(choice.wireguardKey);
      if (before !== undefined) keep.add(toBase64(before.publicKey));
      wanted.push({ link, choice, meshIp, route, seen, before });
    }
    const strangers = [...onDevice].filter(([key]) => !keep.has(key) && !observers.has(key));
    if (strangers.length > 0) {
      this.#state = null;
      await this.#parts.device().apply(strangers.map(([, { publicKey }]) => ({ publicKey, remove: true })));
    }
    // a device that was opened anew has neither peers nor routes
    if (wanted.some(({ seen }) => seen === undefined)) this.#routes = null;
    await this.#ensureRoutes(wanted.map(({ meshIp }) => meshIp));
    for (let start = 0; start < wanted.length; start += batch) await this.#set(wanted.slice(start, start + batch));
  }

  /** Whether the path of a peer is being chosen, so that it is to be looked at every second. */
  isChoosingPath(nowMs: number): boolean {
    for (const [peer, setMs] of this.#pathSetMs) {
      if (nowMs - setMs < pathEagerMs) return true;
      this.#pathSetMs.delete(peer);
    }
    return false;
  }

  async #ensureRoutes(meshIps: readonly string[]): Promise<void> {
    const nowMs = this.#parts.nowMs();
    const routes = meshIps.toSorted().join(" ");
    if (routes === this.#routes && nowMs - this.#routesMs < routesEveryMs) return;
    this.#routes = null;
    await this.#parts.device().ensureRoutes(meshIps);
    this.#routes = routes;
    this.#routesMs = nowMs;
  }

  async #set(
    wanted: readonly {
      readonly link: PeerLink;
      readonly choice: NonNullable<ReturnType<PeerLink["choice"]>>;
      readonly route: string;
      readonly seen: DevicePeer | undefined;
      readonly before: DevicePeer | undefined;
    }[],
  ): Promise<void> {
    const { nowMs, device } = this.#parts;
    const changes: PeerChange[] = [];
    const set: (() => void)[] = [];
    for (const { link, choice, route, seen, before } of wanted) {
      if (this.gone.has(link.nodeId)) continue;
      const endpoint = this.#endpointFor(link, (seen ?? before)?.endpoint ?? null);
      const publicKey = fromBase64(choice.wireguardKey);
      if (seen === undefined) {
        if (before !== undefined) changes.push({ publicKey: before.publicKey, remove: true });
        const last = endpoint ?? before?.endpoint ?? null;
        changes.push({
          publicKey,
          psk: choice.psk.psk,
          ...last === null ? {} : { endpoint: last },
          keepaliveS: keepaliveSeconds,
          allowedIps: [route],
        });
        set.push(() => link.wasSet(choice.wireguardKey, choice.psk.id, choice.others, true, nowMs()));
        if (endpoint !== null) set.push(() => this.#parts.pathSet?.(link.nodeId));
        continue;
      }
      const known = link.applied?.wireguardKey === choice.wireguardKey && seen.hasPsk;
      const newPsk = !known || link.applied?.pskId !== choice.psk.id;
      const newIps = seen.allowedIps.length !== 1 || seen.allowedIps[0] !== route;
      const newKeepalive = seen.keepaliveS !== keepaliveSeconds;
      if (!newPsk && !newIps && !newKeepalive && endpoint === null) continue;
      changes.push({
        publicKey,
        updateOnly: true,
        ...newPsk ? { psk: choice.psk.psk } : {},
        ...endpoint === null ? {} : { endpoint },
        ...newIps ? { allowedIps: [route] } : {},
        ...newKeepalive ? { keepaliveS: keepaliveSeconds } : {},
      });
      if (newPsk) set.push(() => link.wasSet(choice.wireguardKey, choice.psk.id, choice.others, false, nowMs()));
      if (endpoint !== null) set.push(() => this.#parts.pathSet?.(link.nodeId));
    }
    if (changes.length === 0) return;
    this.#state = null;
    await device().apply(changes);
    for (const note of set) note();
  }

  #endpointFor(link: PeerLink, endpoint: string | null): string | null {
    const { paths, ownObserved, nowMs } = this.#parts;
    const chosen = paths.look({
      peer: link.state,
      ownObserved: ownObserved(),
      lastHandshakeAgeMs: link.handshakeAgeMs(nowMs()),
      endpoint,
      receivedBytes: link.receivedBytes,
      nowMs: nowMs(),
    });
    link.receivedBytes = 0;
    if (chosen === null) return null;
    this.#pathSetMs.set(link.nodeId, nowMs());
    return chosen.endpoint;
  }
}
