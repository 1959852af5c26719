import type { DecodedTag } from "./decode_uplink.ts";
import type { QualityCode } from "../../tags/quality.ts";

/** After so many uplinks without a trace of a metric, its path is reported. Devices send other keys on other ports. */
export const MISSING_AFTER_UPLINKS = 20;

/** A metric that stopped fitting, or fails in another way than before. */
export interface NewFailure {
  readonly name: string;
  readonly cause: string;
}

/**
 * Follows how the metrics of one device decode, so that a device that sends garbage with every uplink makes one line
 * in the feed and one fault, and not one with each message.
 */
export class DecodingWatch {
  readonly #failing = new Map<string, { readonly quality: QualityCode; readonly cause: string }>();
  readonly #neverSeen: Set<string>;
  #notKept: readonly string[] = [];
  #uplinks = 0;
  #objects = 0;

  /** @param names the metrics that were never seen so far */
  constructor(names: Iterable<string>) {
    this.#neverSeen = new Set(names);
  }

  /** Takes what one message said about the device's tags. Returns the failures that were not there before. */
  take(decoded: readonly DecodedTag[]): NewFailure[] {
    const fresh: NewFailure[] = [];
    for (const entry of decoded) {
      const { name } = entry.mapping.tag.definition;
      this.#neverSeen.delete(name);
      if (entry.ok) {
        this.#failing.delete(name);
      } else if (this.#failing.get(name)?.quality !== entry.quality) {
        this.#failing.set(name, entry);
        fresh.push({ name, cause: entry.cause });
      }
    }
    return fresh;
  }

  /** Counts an uplink; `hasObject` when ChirpStack decoded it. */
  countUplink(hasObject: boolean): void {
    this.#uplinks++;
    if (hasObject) this.#objects++;
  }

  /** Poll mode: the metrics that ChirpStack keeps no aggregate or state of. */
  setNotKept(names: readonly string[]): void {
    this.#notKept = names;
  }

  /** What is wrong now, in one or two sentences; `null` when nothing is. The same until something changes. */
  problem(): string | null {
    const parts = [...this.#failing.values()].map(({ cause }) => cause);
    if (this.#notKept.length > 0) {
      parts.push(`ChirpStack keeps no measurement for ${quoted(this.#notKept)}: the device profile must declare it`);
    }
    if (this.#uplinks >= MISSING_AFTER_UPLINKS && this.#neverSeen.size > 0) {
      const names = quoted(this.#neverSeen);
      parts.push(
        this.#objects === 0
          ? `No uplink carried a decoded object: the device profile in ChirpStack has no codec (waiting for ${names})`
          : `More than ${MISSING_AFTER_UPLINKS - 1} uplinks held nothing at the path of ${names}`,
      );
    }
    return parts.length === 0 ? null : parts.join(". ");
  }
}

function quoted(names: Iterable<string>): string {
  return [...names].map((name) => `'${name}'`).join(", ");
}
