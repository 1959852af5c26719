import { getLogger } from "@logtape/logtape";
import { keepaliveSeconds, observationIntervalMs, observationMs } from "../../mesh/constants.ts";
import { fromBase64, toBase64 } from "../../mesh/encoding.ts";
import type { PayloadOf } from "../../mesh/events.ts";
import type { Observer } from "../../mesh/state.ts";
import { pause } from "../../telemetry/pause.ts";
import type { WireGuardDevice } from "../wireguard/wireguard_device.ts";
import { type NatReport, natReport } from "./nat_report.ts";
import { isNowhere } from "./path_candidates.ts";

const log = getLogger(["edgekeep", "agent"]);

/** What an observation works with. */
export interface ObservationOptions {
  readonly device: Pick<WireGuardDevice, "state" | "apply">;
  /** Of the state that is followed now; none: there is nothing to ask. */
  readonly observers: () => readonly Observer[];
  /** Keys of peers as the state has them, base64, on the device or not: never taken for an observer's. */
  readonly peerKeys: () => ReadonlySet<string>;
  /** Addresses of this machine, without port. */
  readonly localAddresses: () => readonly string[];
  /** Called when the report differs from the last. */
  readonly onReport?: (report: NatReport) => void;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Why an observation is made out of turn. */
export type ObservationReason = "network" | "path" | "observers";

/** Observations as they go on. */
export interface EndpointObservation {
  /** An event `endpoint_observed`. */
  observed(event: PayloadOf<"endpoint_observed">): void;
  /** Asks for an observation soon: addresses or routes changed, a path failed, the hub has other observers. */
  look(reason: ObservationReason): void;
  /** What is known now. */
  report(): NatReport;
  /** Ends it, and takes the observers off the device. */
  stop(): Promise<void>;
}

/** However often something asks: at most so often. */
const apartMs = 10_000;
/** The interval varies by this part up and down, so that nodes that start together do not ask together for ever. */
const jitter = 0.1;

/**
 * Lets the hub's two observers see the tunnel's own socket, at once, every 300 s with jitter, and when asked: it makes
 * them peers of the device, which makes WireGuard send them handshake initiations that nobody answers, until both have
 * told their address by the hub, or for 15 s (mesh protocol, endpoint observation).
 *
 * They get no allowed address, so no packet of the mesh goes to them or is taken from them. A key that a peer has, on
 * the device or in the state, is never touched, whoever calls it an observer's.
 */
export function observeEndpoints(options: ObservationOptions): EndpointObservation {
  const { device, random = Math.random } = options;
  const wait = options.pause ?? pause;
  const stopping = new AbortController();
  const { signal } = stopping;
  const answers = new Map<number, string>();
  /** Observers that have answered in this observation. */
  const fresh = new Set<number>();
  /** Base64 of keys that this put on the device. */
  const ours = new Set<string>();
  let listenPort = 0;
  /** Whether an observation has had its time. */
  let finished = false;
  let told = "";
  let wanted = new AbortController();
  let answered = new AbortController();

  const report = () =>
    natReport(
      [...answers].map(([observer, address]) => ({ observer, address })),
      options.localAddresses(),
      listenPort,
      finished,
    );

  const tell = () => {
    const now = report();
    const text = JSON.stringify(now);
    if (text === told) return;
    told = text;
    options.onReport?.(now);
  };

  const begin = async (): Promise<number> => {
    const state = await device.state();
    listenPort = state.listenPort;
    const taken = new Set(options.peerKeys());
    if (state.publicKey !== null) taken.add(toBase64(state.publicKey));
    const left = new Set<string>();
    for (const peer of state.peers) {
      // one without allowed addresses was left behind by a process that was killed
      (peer.allowedIps.length > 0 ? taken : left).add(toBase64(peer.publicKey));
    }
    const chosen = options.observers().filter(({ address }) => !isNowhere(address)).slice(0, 2)
      .filter(({ public_key }) => !taken.has(public_key));
    await device.apply(chosen.flatMap(({ address, public_key }) => {
      const publicKey = fromBase64(public_key, 32);
      ours.add(public_key);
      return [
        ...left.has(public_key) ? [{ publicKey, remove: true as const }] : [],
        { publicKey, endpoint: address, allowedIps: [], keepaliveS: keepaliveSeconds },
      ];
    }));
    return chosen.length;
  };

  const end = async () => {
    if (ours.size === 0) return;
    // read again: in the meantime the key may have become a peer's
    const { peers } = await device.state();
    const removable = peers
      .filter(({ publicKey, allowedIps }) => ours.has(toBase64(publicKey)) && allowedIps.length === 0)
      .map(({ publicKey }) => ({ publicKey, remove: true as const }));
    if (removable.length > 0) await device.apply(removable);
    ours.clear();
  };

  /** Whether somebody was asked. */
  const observe = async (): Promise<boolean> => {
    fresh.clear();
    answered = new AbortController();
    let asked = 0;
    try {
      asked = await begin();
      if (asked > 0) await wait(observationMs, AbortSignal.any([signal, answered.signal]));
    } finally {
      await end();
    }
    if (signal.aborted) return true;
    // an observer that was silent this time may have seen an address that is no longer true
    for (const observer of answers.keys()) if (!fresh.has(observer)) answers.delete(observer);
    finished ||= asked > 0;
    tell();
    return asked > 0;
  };

  const run = async () => {
    while (!signal.aborted) {
      wanted = new AbortController();
      const asked = await observe().catch((error) => {
        log.warn("The hub's observers could not be asked: {reason}", {
          event: "observation_failed",
          reason: error instanceof Error ? error.message : String(error),
        });
        return true;
      });
      // a node that has just joined learns of the observers with its first state, a moment after this
      if (asked) await wait(apartMs, signal);
      const restMs = observationIntervalMs * (1 - jitter + 2 * jitter * random()) - apartMs;
      await wait(restMs, AbortSignal.any([signal, wanted.signal]));
    }
  };

  const running = run();

  return {
    observed({ endpoints }) {
      for (const { observer, address } of endpoints) {
        answers.set(observer, address);
        fresh.add(observer);
      }
      if (fresh.size >= 2) answered.abort();
      tell();
    },
    look(reason) {
      log.debug("Asking the hub's observers out of turn: {reason}", { event: "observation_wanted", reason });
      wanted.abort();
    },
    report,
    async stop() {
      stopping.abort();
      await running;
      await end().catch(() => {}); // the device is gone
    },
  };
}
