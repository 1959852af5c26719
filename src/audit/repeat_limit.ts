import { isIPv6 } from "node:net";
import type { AuditEntry } from "./audit.ts";

const MINUTE_US = 60_000_000;
/** Denied attempts of unknown callers that are written singly in a minute: from one address, and from all together. */
const SINGLES_EACH = 20;
const SINGLES_ALL = 60;
/** Addresses that are told apart in a minute; further ones are counted together. */
const MOST_ADDRESSES = 64;
const REST = "other addresses";

interface Counted {
  singles: number;
  repeated: number;
  events: Map<string, number>;
  transport: string;
}

/**
 * Keeps somebody who hammers at the door from filling the disk: of the denied attempts of unknown callers only the first
 * in each minute pass, the rest are counted and become one record an address. An IPv6 network (/64) counts as one
 * address, since whoever has one has all of its addresses.
 */
export class RepeatLimit {
  #sinceUs = 0;
  #singles = 0;
  #addresses = new Map<string, Counted>();

  /** Whether anything was counted that {@link take} has not given out. */
  get pending(): boolean {
    for (const { repeated } of this.#addresses.values()) if (repeated > 0) return true;
    return false;
  }

  /** Whether the entry is to be written by itself. When not, it was counted. */
  passes(entry: AuditEntry, nowUs: number): boolean {
    if (entry.principal !== null || entry.decision !== "denied") return true;
    const counted = this.#counted(entry);
    if (this.#singles < SINGLES_ALL && counted.singles < SINGLES_EACH) {
      if (this.#sinceUs === 0) this.#sinceUs = nowUs;
      this.#singles++;
      counted.singles++;
      return true;
    }
    counted.repeated++;
    if (counted.events.size < 16 || counted.events.has(entry.event)) {
      counted.events.set(entry.event, (counted.events.get(entry.event) ?? 0) + 1);
    }
    return false;
  }

  /** What was counted in a minute that is over, or `now`: one entry an address. A new minute begins. */
  take(nowUs: number, now = false): AuditEntry[] {
    // a clock that was set back ends the minute too
    const over = this.#sinceUs !== 0 && (nowUs - this.#sinceUs >= MINUTE_US || nowUs < this.#sinceUs);
    if (!over && !now) return [];
    const entries = [...this.#addresses].filter(([, { repeated }]) => repeated > 0).map(([address, counted]) =>
      repeatedEntry(address, counted, this.#sinceUs)
    );
    this.#addresses = new Map();
    this.#singles = 0;
    this.#sinceUs = 0;
    return entries;
  }

  #counted({ address, transport }: AuditEntry): Counted {
    const key = networkOf(address);
    const known = this.#addresses.get(key);
    if (known !== undefined) return known;
    const name = this.#addresses.size < MOST_ADDRESSES ? key : REST;
    const counted = this.#addresses.get(name) ?? { singles: 0, repeated: 0, events: new Map(), transport };
    this.#addresses.set(name, counted);
    return counted;
  }
}

function repeatedEntry(address: string, { repeated, events, transport }: Counted, sinceUs: number): AuditEntry {
  return {
    event: "repeated",
    principal: null,
    role: null,
    credential: null,
    address,
    transport,
    operation: null,
    target: null,
    decision: "denied",
    rule: "repeat_limit",
    outcome: "counted",
    fields: {
      count: repeated,
      events: [...events].map(([event, count]) => `${event} ${count}`),
      seconds: Math.round(MINUTE_US / 1_000_000),
      since_us: sinceUs,
    },
  };
}

/** The address, or the /64 network of an IPv6 address. */
function networkOf(address: string): string {
  if (!isIPv6(address) || /^::ffff:/i.test(address)) return address;
  const [head = "", tail] = address.split("%")[0]?.split("::") ?? [];
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = tail === undefined
    ? before
    : [...before, ...Array(Math.max(0, 8 - before.length - after.length)).fill("0"), ...after];
  return `${groups.slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(":")}::/64`;
}
