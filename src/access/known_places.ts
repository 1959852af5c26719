import { addressKey } from "../config/address_key.ts";
import type { KnownPlace } from "./store.ts";
import type { Throttle } from "./throttle.ts";

/** A place is forgotten when nobody has logged in from it for so long. */
const REMEMBER_US = 90 * 86_400 * 1_000_000;
/** A place that is used again is stored again at most so often. */
const STORE_EVERY_US = 86_400 * 1_000_000;
const MAX_PLACES = 5000;

/** Where names have logged in from, across restarts: there strangers' guesses do not shut them out ({@link Throttle}). */
export class KnownPlaces {
  readonly #throttle: Throttle;
  readonly #nowUs: () => number;
  readonly #places = new Map<string, KnownPlace>();
  readonly #used = new Set<string>();

  constructor(throttle: Throttle, nowUs: () => number, places: readonly KnownPlace[]) {
    this.#throttle = throttle;
    this.#nowUs = nowUs;
    const newest = places.filter(({ lastUsedUs }) => lastUsedUs >= this.oldestUs())
      .toSorted((a, b) => a.lastUsedUs - b.lastUsedUs).slice(-MAX_PLACES);
    for (const place of newest) {
      this.#places.set(keyOf(place), place);
      throttle.remember(place.address.replace(/::\/64$/, "::"), place.name);
    }
  }

  /** Places not used since then are forgotten, µs. */
  oldestUs(): number {
    return this.#nowUs() - REMEMBER_US;
  }

  /** Notes that the name has just logged in from the address. */
  note(address: string, name: string): void {
    const place = { name, address: addressKey(address), lastUsedUs: this.#nowUs() };
    const key = keyOf(place);
    const known = this.#places.get(key);
    if (known !== undefined && Math.abs(place.lastUsedUs - known.lastUsedUs) < STORE_EVERY_US) return;
    this.#places.delete(key);
    this.#places.set(key, place);
    this.#used.add(key);
    if (this.#places.size > MAX_PLACES) this.#places.delete(this.#places.keys().next().value ?? key);
  }

  /** Forgets a name that has become somebody else's, or has another password. The caller stores it. */
  forget(name: string): void {
    this.#throttle.forget(name);
    for (const [key, place] of this.#places) if (place.name === name) this.#places.delete(key);
  }

  /** Places to store that were used since the last call. */
  takeUsed(): KnownPlace[] {
    const used = [...this.#used].flatMap((key) => this.#places.get(key) ?? []);
    this.#used.clear();
    return used;
  }
}

function keyOf({ name, address }: KnownPlace): string {
  return `${name}\n${address}`;
}
