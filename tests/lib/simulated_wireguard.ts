import { fromBase64, toBase64 } from "../../src/mesh/encoding.ts";
import type {
  DevicePeer,
  DeviceState,
  PeerChange,
  WireGuardDevice,
} from "../../src/agent/wireguard/wireguard_device.ts";
import { wireGuardKeyOf } from "../../src/mesh/keys.ts";

interface Entry {
  psk: string | null;
  endpoint: string | null;
  allowedIps: readonly string[];
  keepaliveS: number;
  lastHandshakeUs: number | null;
}

interface Session {
  readonly a: Entry;
  readonly b: Entry;
  readonly aKey: string;
  readonly bKey: string;
  readonly sinceMs: number;
  /** When the initiator sends again: with nothing but keepalives that may be 25 s after the rekey time. */
  readonly rekeyMs: number;
}

/** WireGuard's own times (WireGuard paper §6.1, constants). */
const rekeyAfterMs = 120_000;
const rejectAfterMs = 180_000;
const retryMs = 5_000;
const keepaliveMs = 25_000;

/** A WireGuard device that lives in memory; `SimulatedLinks` lets two of them talk. */
export class SimulatedDevice implements WireGuardDevice {
  readonly backend = "userspace";
  readonly name: string;
  readonly entries = new Map<string, Entry>();
  /** Changes in the order in which they were made. */
  readonly changes: PeerChange[] = [];
  routes: readonly string[] = [];
  publicKey: string | null = null;

  constructor(name: string) {
    this.name = name;
  }

  state(): Promise<DeviceState> {
    const peers = [...this.entries].map(([key, entry]): DevicePeer => ({
      publicKey: fromBase64(key),
      hasPsk: entry.psk !== null,
      endpoint: entry.endpoint,
      allowedIps: entry.allowedIps,
      keepaliveS: entry.keepaliveS,
      lastHandshakeUs: entry.lastHandshakeUs,
      rxBytes: 0,
      txBytes: 0,
    }));
    const publicKey = this.publicKey === null ? null : fromBase64(this.publicKey);
    return Promise.resolve({ publicKey, listenPort: 51820, peers });
  }

  setPrivateKey(privateKey: Uint8Array): Promise<void> {
    this.publicKey = toBase64(wireGuardKeyOf(privateKey).publicKey);
    return Promise.resolve();
  }

  apply(changes: readonly PeerChange[]): Promise<void> {
    for (const change of changes) {
      this.changes.push(change);
      const key = toBase64(change.publicKey);
      if (change.remove === true) {
        this.entries.delete(key);
        continue;
      }
      let entry = this.entries.get(key);
      if (entry === undefined) {
        if (change.updateOnly === true) continue;
        entry = { psk: null, endpoint: null, allowedIps: [], keepaliveS: 0, lastHandshakeUs: null };
        this.entries.set(key, entry);
      }
      if (change.psk !== undefined) entry.psk = toBase64(change.psk);
      if (change.endpoint !== undefined) entry.endpoint = change.endpoint;
      if (change.keepaliveS !== undefined) entry.keepaliveS = change.keepaliveS;
      if (change.allowedIps !== undefined) {
        entry.allowedIps = change.allowedIps;
        // an address belongs to one peer: the last one that claims it (WireGuard paper §2, cryptokey routing)
        for (const [other, held] of this.entries) {
          if (other === key) continue;
          held.allowedIps = held.allowedIps.filter((ip) => !change.allowedIps?.includes(ip));
        }
      }
    }
    return Promise.resolve();
  }

  ensureInterface(): Promise<void> {
    return Promise.resolve();
  }

  ensureRoutes(meshIps: readonly string[]): Promise<void> {
    this.routes = [...meshIps];
    return Promise.resolve();
  }

  release(): Promise<void> {
    return Promise.resolve();
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }
}

/** One end of a simulated tunnel, as long as nobody touches its entry. */
interface PairState {
  session: Session | null;
  nextTryMs: number;
}

/**
 * The handshakes between simulated devices: one succeeds only while both have each other's key and the same pre-shared
 * key; it is tried every 5 s while there is no session, and from 120 to 145 s of age on; a session ends at 180 s, with
 * its entry, and for the sender with its private key.
 */
export class SimulatedLinks {
  readonly #pairs = new Map<string, PairState>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Lets what is due happen between two devices. @returns whether packets pass in both directions */
  look(a: SimulatedDevice, b: SimulatedDevice, nowMs: number, nowUs: number): { up: boolean; handshake: boolean } {
    const name = `${a.name} ${b.name}`;
    const pair = this.#pairs.get(name) ?? { session: null, nextTryMs: nowMs };
    this.#pairs.set(name, pair);
    const entryOfB = b.publicKey === null ? undefined : a.entries.get(b.publicKey);
    const entryOfA = a.publicKey === null ? undefined : b.entries.get(a.publicKey);
    const { session } = pair;
    const holds = session !== null && session.a === entryOfB && session.b === entryOfA &&
      session.aKey === a.publicKey && session.bKey === b.publicKey && nowMs - session.sinceMs < rejectAfterMs;
    const wants = !holds || nowMs >= session.rekeyMs;
    let handshake = false;
    if (wants && nowMs >= pair.nextTryMs) {
      pair.nextTryMs = nowMs + retryMs;
      if (entryOfA !== undefined && entryOfB !== undefined && entryOfA.psk === entryOfB.psk) {
        entryOfA.lastHandshakeUs = entryOfB.lastHandshakeUs = nowUs;
        const rekeyMs = nowMs + rekeyAfterMs + this.#random() * keepaliveMs;
        pair.session = {
          a: entryOfB,
          b: entryOfA,
          aKey: a.publicKey ?? "",
          bKey: b.publicKey ?? "",
          sinceMs: nowMs,
          rekeyMs,
        };
        handshake = true;
      }
    }
    return { up: holds || handshake, handshake };
  }
}
