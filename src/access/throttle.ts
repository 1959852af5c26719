import { addressKey } from "../config/address_key.ts";

const SECOND_US = 1_000_000;
/** Failures that cost nothing: people mistype. */
export const FREE_FAILURES = 4;
/** Longest wait of an address, s. */
const ADDRESS_CAP_S = 900;
/** Longest wait of a name, s: it can be caused by strangers, so it must not shut its owner out for long. */
const NAME_CAP_S = 60;
/** One failure is forgotten after each such time without a further one, s. */
const FORGIVE_EVERY_S = 900;
const MAX_ENTRIES = 10_000;

interface Counter {
  failures: number;
  /** µs */
  lastUs: number;
  /** From `lastUs`. */
  waitUs: number;
  /** Whom the failures were for: the name while it is one and the same, `null` when they are several. */
  name: string | null;
}

/** An attempt that may go on. It counts as failed until {@link Attempt.succeeded} or {@link Attempt.withdrawn} is called. */
export interface Attempt {
  readonly ok: true;
  /** Somebody has logged in with this name from this address before. */
  readonly known: boolean;
  /** The credential was right. */
  succeeded(): void;
  /** Nothing was checked: the attempt counts neither way. */
  withdrawn(): void;
}

/** An attempt that is refused unchecked. */
export interface Refused {
  readonly ok: false;
  /** Time until another attempt counts, ms; above 0. */
  readonly waitMs: number;
}

/**
 * Slows down whoever guesses credentials. One rule for passwords, codes and tokens of every transport:
 *
 * - Failures count for the address (an IPv6 address by its /64; loopback and the unix socket too) and, where one was
 *   given, for the name. Four are free; from the fifth on the next attempt must wait 1 s, 2 s, 4 s, … at most 15 min for
 *   an address, 1 min for a name. An attempt in that time is refused unchecked and does not count.
 * - An address from which a name has logged in before has a counter of its own for that name, and only that one is asked:
 *   strangers who guess at the name, or a broken client on the same machine, do not shut its owner out.
 * - An attempt counts as failed from its start, so that a thousand at once are not all free.
 * - One failure is forgotten for each 15 min without a further one.
 * - 10,000 counters are kept; beyond, the one that has been still the longest is forgotten.
 */
export class Throttle {
  readonly #counters = new Map<string, Counter>();
  readonly #known = new Set<string>();
  readonly #nowUs: () => number;

  constructor(nowUs: () => number) {
    this.#nowUs = nowUs;
  }

  /** Counters and known pairs that are kept. */
  get size(): number {
    return this.#counters.size + this.#known.size;
  }

  /** Time until an attempt would be checked, ms; counts nothing. */
  waitMs(address: string, name: string | null): number {
    const now = this.#nowUs();
    const waits = this.#keys(addressKey(address), name).map((key) => {
      const counter = this.#counters.get(key);
      if (counter === undefined) return 0;
      // a clock that was set back must not prolong the wait
      counter.lastUs = Math.min(counter.lastUs, now);
      return counter.lastUs + counter.waitUs - now;
    });
    return Math.ceil(Math.max(0, ...waits) / 1000);
  }

  /**
   * Begins an attempt.
   *
   * @param name who it is for; `null` for codes and tokens that name nobody
   */
  begin(address: string, name: string | null): Attempt | Refused {
    const waitMs = this.waitMs(address, name);
    if (waitMs > 0) return { ok: false, waitMs };
    const place = addressKey(address);
    const keys = this.#keys(place, name);
    const pair = pairKey(place, name);
    for (const key of keys) this.#count(key, name);
    return {
      ok: true,
      known: this.#known.has(pair),
      succeeded: () => {
        for (const key of keys) this.#forgive(key, name);
        if (name !== null) this.remember(address, name);
      },
      withdrawn: () => {
        for (const key of keys) this.#takeBack(key);
      },
    };
  }

  /** Notes that the name has logged in from the address. */
  remember(address: string, name: string): void {
    const pair = pairKey(addressKey(address), name);
    this.#known.delete(pair);
    this.#known.add(pair);
    if (this.#known.size > MAX_ENTRIES) this.#known.delete(this.#known.values().next().value ?? pair);
  }

  /** Forgets where the name has logged in from, as when its password changes. */
  forget(name: string): void {
    for (const pair of this.#known) if (pair.startsWith(`pair\n${name}\n`)) this.#known.delete(pair);
  }

  /** Counters that an attempt of this name from this place is subject to. */
  #keys(place: string, name: string | null): string[] {
    if (name === null) return [`address\n${place}`];
    const pair = pairKey(place, name);
    return this.#known.has(pair) ? [pair] : [`address\n${place}`, `name\n${name.slice(0, 256)}`];
  }

  #count(key: string, name: string | null): void {
    const now = this.#nowUs();
    const known = this.#counters.get(key);
    const failures = (known === undefined ? 0 : remaining(known, now)) + 1;
    const cap = key.startsWith("name\n") ? NAME_CAP_S : ADDRESS_CAP_S;
    const waitS = failures <= FREE_FAILURES ? 0 : Math.min(cap, 2 ** Math.min(30, failures - FREE_FAILURES - 1));
    // taken out first, so that the order of the map is the order of the last failures
    this.#counters.delete(key);
    this.#counters.set(key, {
      failures,
      lastUs: now,
      waitUs: waitS * SECOND_US,
      name: known === undefined || known.failures === 0 || known.name === name ? name : null,
    });
    if (this.#counters.size > MAX_ENTRIES) this.#counters.delete(this.#counters.keys().next().value ?? key);
  }

  /** After a success the failures for that name are forgotten; an address that tried others keeps theirs. */
  #forgive(key: string, name: string | null): void {
    if (this.#counters.get(key)?.name === name) this.#counters.delete(key);
    else this.#takeBack(key);
  }

  #takeBack(key: string): void {
    const counter = this.#counters.get(key);
    if (counter === undefined) return;
    counter.failures = Math.max(0, counter.failures - 1);
    counter.waitUs = 0;
    if (counter.failures === 0) this.#counters.delete(key);
  }
}

function remaining({ failures, lastUs }: Counter, nowUs: number): number {
  return Math.max(0, failures - Math.floor(Math.max(0, nowUs - lastUs) / (FORGIVE_EVERY_S * SECOND_US)));
}

function pairKey(place: string, name: string | null): string {
  return `pair\n${name ?? ""}\n${place}`;
}
