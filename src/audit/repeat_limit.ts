import { addressKey } from "../config/address_key.ts";
import { formatTime } from "../telemetry/time_text.ts";
import type { AuditEntry } from "./audit.ts";

const MINUTE_US = 60_000_000;
/** What anybody with any role can do as often as they like, and what changes nothing. */
const passing: ReadonlySet<string> = new Set(["login", "logout"]);
/** What is written singly in a minute, of each and of all together: attempts that were denied or failed, and logins. */
const bounds = {
  /** Of an address without a credential. */
  stranger: { each: 20, all: 60 },
  /** Of a credential. */
  known: { each: 60, all: 240 },
  /** Logins and logouts that succeed, of a user or token. */
  session: { each: 20, all: 240 },
} as const;
type Kind = keyof typeof bounds;
/** Addresses and credentials that are told apart in a minute; further ones are counted together. */
const MOST_KEYS = 64;
const REST = "others";

interface Counted {
  readonly who: Pick<AuditEntry, "principal" | "role" | "credential" | "address" | "transport" | "decision">;
  singles: number;
  repeated: number;
  readonly events: Map<string, number>;
}

/**
 * Keeps somebody who hammers at the door from filling the disk, and from pushing older records out of the files: of the
 * attempts that are denied or fail, and of logins, only the first in each minute pass, the rest are counted and become
 * one record for each address or credential. An IPv6 network (/64) counts as one address, since whoever has one has all of its
 * addresses.
 */
export class RepeatLimit {
  #sinceUs = 0;
  readonly #singles = { stranger: 0, known: 0, session: 0 };
  #counts = new Map<string, Counted>();

  /** Whether anything was counted that {@link take} has not given out. */
  get pending(): boolean {
    for (const { repeated } of this.#counts.values()) if (repeated > 0) return true;
    return false;
  }

  /** Whether the entry is to be written by itself. When not, it was counted. */
  passes(entry: AuditEntry, nowUs: number): boolean {
    const worked = entry.decision === "allowed" && entry.outcome === "ok";
    if (worked && !passing.has(entry.event)) return true;
    const kind = worked ? "session" : isStranger(entry) ? "stranger" : "known";
    const counted = this.#counted(kind, entry);
    if (this.#singles[kind] < bounds[kind].all && counted.singles < bounds[kind].each) {
      if (this.#sinceUs === 0) this.#sinceUs = nowUs;
      this.#singles[kind]++;
      counted.singles++;
      return true;
    }
    counted.repeated++;
    if (counted.events.size < 16 || counted.events.has(entry.event)) {
      counted.events.set(entry.event, (counted.events.get(entry.event) ?? 0) + 1);
    }
    return false;
  }

  /** What was counted in a minute that is over, or `now`: one entry for each. A new minute begins. */
  take(nowUs: number, now = false): AuditEntry[] {
    // a clock that was set back ends the minute too
    const over = this.#sinceUs !== 0 && (nowUs - this.#sinceUs >= MINUTE_US || nowUs < this.#sinceUs);
    if (!over && !now) return [];
    const entries = [...this.#counts.values()].filter(({ repeated }) => repeated > 0)
      .map((counted) => repeatedEntry(counted, this.#sinceUs));
    this.#counts = new Map();
    this.#singles.stranger = this.#singles.known = this.#singles.session = 0;
    this.#sinceUs = 0;
    return entries;
  }

  #counted(kind: Kind, entry: AuditEntry): Counted {
    const key = `${kind} ${ownerOf(kind, entry)}`;
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const rest = this.#counts.size >= MOST_KEYS;
    const { principal, role, credential, address, transport } = entry;
    const decision = kind === "session" ? "allowed" : "denied";
    const who = rest
      ? { principal: null, role: null, credential: null, address: REST, transport, decision } as const
      : kind === "stranger"
      ? { principal, role: null, credential: null, address: addressKey(address), transport, decision } as const
      : { principal, role, credential, address, transport, decision } as const;
    const name = rest ? `${kind} ${REST}` : key;
    const counted = this.#counts.get(name) ?? { who, singles: 0, repeated: 0, events: new Map() };
    this.#counts.set(name, counted);
    return counted;
  }
}

/** Whom attempts are counted for: each login makes a credential of its own, so logins count for the name. */
function ownerOf(kind: Kind, { address, credential, principal }: AuditEntry): string {
  if (kind === "stranger") return addressKey(address);
  return kind === "session" ? principal ?? "" : credential ?? "";
}

/** Somebody unknown, or somebody at this machine who only looks and never proved who they are. */
function isStranger({ principal, credential }: AuditEntry): boolean {
  return principal === null || credential === null || credential === "loopback";
}

function repeatedEntry({ who, repeated, events }: Counted, sinceUs: number): AuditEntry {
  return {
    event: "repeated",
    ...who,
    operation: null,
    target: null,
    rule: "repeat_limit",
    outcome: "counted",
    fields: {
      count: repeated,
      events: [...events].map(([event, count]) => `${event} ${count}`),
      since: formatTime(sinceUs),
    },
  };
}
