import { pathTrialMs } from "../../mesh/constants.ts";
import type { NodeId } from "../../mesh/ids.ts";
import type { Cidr } from "../../mesh/ipv4.ts";
import { hostOf, type LocalNetwork, type PathCandidate, pathCandidates } from "./path_candidates.ts";
import type { PathInput, PathSelector } from "./path_selector.ts";

/** What the choice rests on beside the peers themselves. */
export interface PathSelectorOptions {
  /** Networks that this machine is on now. */
  readonly localNetworks: () => readonly LocalNetwork[];
  /** `null`: not known yet. */
  readonly meshCidr: () => Cidr | null;
  /** ms UTC: the two ends of a pair probe in the same moment, as far as their clocks agree. */
  readonly utcMs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called when a tunnel that was up is no longer (`lost`), and when everything was tried once in vain (`no_path`). */
  readonly onTrouble?: (peer: NodeId, what: "lost" | "no_path") => void;
}

/** A try of one endpoint. */
interface Trial {
  readonly endpoint: string;
  readonly untilMs: number;
  readonly round: number;
}

/** A try of the direct endpoints while the relay carries the tunnel. */
interface Probe {
  readonly targets: readonly PathCandidate[];
  readonly at: number;
  readonly sinceMs: number;
  /** When the first look after the endpoint was set was; what came before it may have come by the relay. */
  readonly seenMs: number | null;
  readonly nudgedMs: number;
}

interface Track {
  readonly peer: NodeId;
  wasUp: boolean;
  candidates: readonly PathCandidate[];
  /** The last few addresses that were relays, so that one that was taken away is still known as one. */
  relays: readonly string[];
  /** The relay session that was there first, was tried or is in use: another one is a new assignment. */
  relaySession: string | null;
  trial: Trial | null;
  probe: Probe | null;
  /** The direct endpoints that are known not to do; `null`: those there are now. */
  probed: string | null;
  probes: number;
  probedMs: number;
  nextProbeMs: number;
  heardMs: number;
  /** Bytes heard in the present 30 s, and since when no 30 s had more than an idle tunnel's. */
  windowMs: number;
  windowBytes: number;
  quietSinceMs: number;
}

/** A tunnel with a handshake younger than this is not moved by what the hub says. */
const upMs = 135_000;
/** WireGuard refuses packets of a session so old. */
const sessionLifeMs = 180_000;
/** Silence in which at least one keepalive (25 s) or handshake would have come. */
const silenceMs = 30_000;
/** A tunnel is idle with no more than this in 30 s: keepalives, a handshake, a measurement of its round trip. */
const idleBytes = 1000;
/** Three attempts of WireGuard's at least. */
const relayTrialMs = 3 * pathTrialMs;
/** WireGuard sends nothing by itself on a new path: while it is probed it is set again, and with it something is sent. */
const nudgeEveryMs = 2_000;
const probeApartMs = 60_000;
/**
 * With traffic two looks are enough: whatever arrives directly shows it, and what is sent meanwhile may be lost. The ends
 * need not probe together: the first packet of each opens its router for the other's for half a minute.
 */
const busyProbeMs = 1_500;
/** Idle tunnels probe at multiples of this of UTC, with each failure at every second of those, up to every 16th. */
const probeSlotMs = 300_000;
const maxDoublings = 4;
const relaysKept = 4;

/**
 * Chooses endpoints (mesh protocol, endpoint observation): LAN, direct, relay, 6 s each until a handshake. Rounds after
 * the first draw the time of each try between 6 and 12 s, so that two ends that try in turns meet; the relay, which needs
 * both ends there at once, is kept twice as long as the others together, at least 18 s: then two ends meet there within two
 * rounds, whenever each began. No timer, no I/O: it is asked with the time.
 *
 * A tunnel that is up stays where it is: WireGuard itself follows a peer that moves. It is up with a handshake under
 * 135 s, or under 180 s when something was heard within 30 s: an idle one renews its keys at up to 145 s. The exception
 * is a relayed one, which tries the direct way when endpoints changed or it is idle: a handshake, or anything
 * authenticated that arrives while the endpoint is still the direct one (WireGuard sets it to where a packet came from),
 * proves the path; else the relay is set again after the same 6 s, or 2 s with traffic.
 */
export function createPathSelector(options: PathSelectorOptions): PathSelector {
  const tracks = new Map<NodeId, Track>();

  return {
    look(input) {
      const { peer, nowMs } = input;
      const candidates = pathCandidates(peer, input.ownObserved, options.localNetworks(), options.meshCidr());
      const known = tracks.get(peer.node_id);
      const track = known ?? newTrack(peer.node_id, nowMs, peer.relay?.session_id ?? null);
      if (known === undefined) tracks.set(peer.node_id, track);
      const relay = candidates.find(({ kind }) => kind === "relay");
      track.candidates = candidates;
      if (relay !== undefined && !track.relays.includes(relay.endpoint)) {
        track.relays = [relay.endpoint, ...track.relays].slice(0, relaysKept);
      }
      hear(track, input);
      if (isUp(track, input)) {
        // it has just come up: what did not do a moment ago is not tried again at once
        if (track.trial !== null) track.probed = null;
        track.trial = null;
        track.wasUp = true;
        if (relay !== undefined && relay.endpoint === input.endpoint) {
          track.relaySession = peer.relay?.session_id ?? null;
        }
        return probe(track, input);
      }
      track.probe = null;
      if (track.wasUp) options.onTrouble?.(peer.node_id, "lost");
      track.wasUp = false;
      const assigned = relay !== undefined && peer.relay?.session_id !== track.relaySession;
      track.relaySession = peer.relay?.session_id ?? null;
      return assigned ? begin(track, relay, nowMs, track.trial?.round ?? 0) : tryNext(track, nowMs);
    },
    kindOf(peer, endpoint) {
      if (endpoint === null) return "none";
      const track = tracks.get(peer);
      if (track === undefined) return "direct";
      return track.trial === null ? kindIn(track, endpoint) : "none";
    },
    forget: (peer) => void tracks.delete(peer),
  };

  function tryNext(track: Track, nowMs: number): PathCandidate | null {
    const { trial, candidates } = track;
    const at = candidates.findIndex(({ endpoint }) => endpoint === trial?.endpoint);
    if (trial !== null && at >= 0 && nowMs < trial.untilMs) return null;
    const next = candidates[at + 1] ?? candidates[0];
    if (next === undefined) {
      track.trial = null;
      return null;
    }
    const round = trial === null ? 0 : trial.round + (at >= 0 && at + 1 >= candidates.length ? 1 : 0);
    if (round === 1 && trial?.round === 0) options.onTrouble?.(track.peer, "no_path");
    return begin(track, next, nowMs, round);
  }

  function begin(track: Track, candidate: PathCandidate, nowMs: number, round: number): PathCandidate {
    const longestMs = round === 0 ? pathTrialMs : 2 * pathTrialMs;
    const others = track.candidates.filter(({ kind }) => kind !== "relay").length;
    const lastsMs = candidate.kind === "relay"
      ? Math.max(relayTrialMs, 2 * others * longestMs)
      : pathTrialMs + (longestMs - pathTrialMs) * options.random();
    track.trial = { endpoint: candidate.endpoint, untilMs: nowMs + lastsMs, round };
    return candidate;
  }

  function probe(track: Track, input: PathInput): PathCandidate | null {
    if (track.probe !== null) return goOn(track, track.probe, input);
    const { nowMs, endpoint } = input;
    if (endpoint === null || kindIn(track, endpoint) !== "relay") {
      track.probes = 0;
      return null;
    }
    const targets = track.candidates.filter(({ kind }) => kind !== "relay");
    const wish = wishOf(input);
    if (track.probed === null) {
      track.probed = wish;
      track.nextProbeMs = nowMs + untilSlot(track.probes);
    }
    const changed = wish !== track.probed && nowMs - track.probedMs >= probeApartMs;
    const idle = nowMs >= track.nextProbeMs && nowMs - track.quietSinceMs >= silenceMs;
    if (targets.length === 0 || (!changed && !idle)) return null;
    if (changed) track.probes = 0;
    track.probed = wish;
    return aim(track, targets, 0, nowMs);
  }

  function aim(track: Track, targets: readonly PathCandidate[], at: number, nowMs: number): PathCandidate | null {
    const target = targets[at];
    if (target === undefined) return giveUp(track, nowMs);
    track.probe = { targets, at, sinceMs: nowMs, seenMs: null, nudgedMs: nowMs };
    return target;
  }

  /** Back to the relay. */
  function giveUp(track: Track, nowMs: number): PathCandidate | null {
    track.probe = null;
    track.probedMs = nowMs;
    track.nextProbeMs = nowMs + untilSlot(track.probes++);
    const relay = track.candidates.find(({ kind }) => kind === "relay");
    if (relay !== undefined) return relay;
    const [before] = track.relays;
    return before === undefined ? null : { endpoint: before, kind: "relay" };
  }

  function untilSlot(failures: number): number {
    const slotMs = probeSlotMs * 2 ** Math.min(failures, maxDoublings);
    return slotMs - options.utcMs() % slotMs;
  }

  function goOn(track: Track, probe: Probe, input: PathInput): PathCandidate | null {
    const { nowMs, endpoint } = input;
    const target = probe.targets[probe.at];
    const isRelay = endpoint === null || kindIn(track, endpoint) === "relay";
    if (target !== undefined && !isRelay && probe.seenMs !== null) {
      const handshakeMs = nowMs - (input.lastHandshakeAgeMs ?? Infinity);
      if (input.receivedBytes > 0 || handshakeMs > probe.seenMs) {
        track.probe = null;
        track.probedMs = nowMs;
        return null;
      }
    }
    const isBusy = nowMs - track.quietSinceMs < silenceMs;
    if (nowMs - probe.sinceMs >= (isBusy ? busyProbeMs : pathTrialMs)) {
      return aim(track, probe.targets, probe.at + 1, nowMs);
    }
    // What the peer still sends by the relay has set the endpoint back; it is tried again until the time is over.
    const nudge = isRelay || nowMs - probe.nudgedMs >= nudgeEveryMs;
    track.probe = {
      ...probe,
      seenMs: isRelay ? null : probe.seenMs ?? nowMs,
      nudgedMs: nudge ? nowMs : probe.nudgedMs,
    };
    return nudge ? target ?? null : null;
  }
}

function newTrack(peer: NodeId, nowMs: number, relaySession: string | null): Track {
  return {
    peer,
    wasUp: false,
    candidates: [],
    relays: [],
    relaySession,
    trial: null,
    probe: null,
    probed: null,
    probes: 0,
    probedMs: nowMs,
    nextProbeMs: nowMs,
    heardMs: nowMs,
    windowMs: nowMs,
    windowBytes: 0,
    quietSinceMs: nowMs,
  };
}

function hear(track: Track, { receivedBytes, nowMs }: PathInput): void {
  if (nowMs - track.windowMs >= silenceMs) {
    track.windowMs = nowMs;
    track.windowBytes = 0;
  }
  if (receivedBytes <= 0) return;
  track.heardMs = nowMs;
  track.windowBytes += receivedBytes;
  if (track.windowBytes > idleBytes) track.quietSinceMs = nowMs;
}

/**
 * What a probe depends on. A symmetric router shows new ports each time it is observed: of those only the address counts.
 */
function wishOf({ peer, ownObserved }: PathInput): string {
  const observed = peer.endpoints.filter(({ kind }) => kind === "observed").map(({ address }) => address);
  const ports = (host: string) => new Set(observed.filter((endpoint) => hostOf(endpoint) === host)).size;
  const stable = ({ address }: { readonly address: string }) => ports(hostOf(address)) > 1 ? hostOf(address) : address;
  return [...new Set(ownObserved.map(hostOf)), "", ...new Set(peer.endpoints.map(stable))].join(" ");
}

function isUp(track: Track, { lastHandshakeAgeMs, endpoint, nowMs }: PathInput): boolean {
  if (lastHandshakeAgeMs === null || lastHandshakeAgeMs >= sessionLifeMs) return false;
  const silent = nowMs - track.heardMs >= silenceMs;
  // The relay that it is on was taken away or replaced: nothing will come of it any more.
  const orphaned = endpoint !== null && track.relays.includes(endpoint) &&
    !track.candidates.some((candidate) => candidate.endpoint === endpoint);
  return lastHandshakeAgeMs < upMs ? !(orphaned && silent) : !silent;
}

function kindIn(track: Track, endpoint: string): PathCandidate["kind"] {
  return track.candidates.find((candidate) => candidate.endpoint === endpoint)?.kind ??
    (track.relays.includes(endpoint) ? "relay" : "direct");
}
