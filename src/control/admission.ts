/** A connection as far as its place matters. */
export interface Seat {
  readonly id: string;
  readonly address: string;
  /** Whether it has shown a credential. */
  readonly known: boolean;
  /** Whether a call or a stream runs on it. */
  readonly busy: boolean;
  /** When it came and when it last did something, ms of one monotonic clock. */
  readonly openedMs: number;
  readonly activeMs: number;
}

/** How many places there are. */
export interface Places {
  readonly all: number;
  readonly perAddress: number;
  /** Time without work after which a connection with a credential may be closed for a newcomer. */
  readonly evictIdleMs: number;
}

/** What a newcomer's place costs. */
export type Admission =
  | { readonly kind: "free" }
  /** This one is closed first. */
  | { readonly kind: "instead_of"; readonly id: string }
  | { readonly kind: "full" };

/**
 * Pure: whether a newcomer from `address` gets a place among `seats`. When there is none, it takes the oldest connection
 * that has shown no credential, from the address that holds the most of those: who floods displaces its own. Else it
 * takes the one with a credential that was quiet for longest. Idle peers can therefore lock nobody out.
 */
export function admit(seats: readonly Seat[], address: string, places: Places, nowMs: number): Admission {
  const own = seats.filter((seat) => seat.address === address);
  const crowded = own.length >= places.perAddress;
  if (!crowded && seats.length < places.all) return { kind: "free" };
  const among = crowded ? own : seats;
  const leaves = oldestStranger(among) ?? quietest(among, places.evictIdleMs, nowMs);
  return leaves === undefined ? { kind: "full" } : { kind: "instead_of", id: leaves.id };
}

function oldestStranger(seats: readonly Seat[]): Seat | undefined {
  const strangers = seats.filter(({ known, busy }) => !known && !busy);
  const count = new Map<string, number>();
  for (const { address } of strangers) count.set(address, (count.get(address) ?? 0) + 1);
  const most = Math.max(0, ...count.values());
  return earliest(strangers.filter(({ address }) => count.get(address) === most), ({ openedMs }) => openedMs);
}

function quietest(seats: readonly Seat[], evictIdleMs: number, nowMs: number): Seat | undefined {
  const quiet = seats.filter(({ busy, activeMs }) => !busy && nowMs - activeMs >= evictIdleMs);
  return earliest(quiet, ({ activeMs }) => activeMs);
}

function earliest(seats: readonly Seat[], timeOf: (seat: Seat) => number): Seat | undefined {
  return seats.reduce<Seat | undefined>(
    (first, seat) => first === undefined || timeOf(seat) < timeOf(first) ? seat : first,
    undefined,
  );
}
