import assert from "node:assert/strict";
import { admit, type Seat } from "./admission.ts";
import { controlLimits } from "./limits.ts";

const limits = { ...controlLimits(4, 60, false), maxPerAddress: 3 };
const NOW = 100_000;

function seat(id: string, address: string, more: Partial<Seat> = {}): Seat {
  return { id, address, known: false, busy: false, openedMs: NOW, activeMs: NOW, ...more };
}

Deno.test("a newcomer takes a free place", () => {
  assert.deepEqual(admit([seat("1", "a"), seat("2", "a")], "a", limits, NOW), { kind: "free" });
});

Deno.test("an address beyond its share displaces its own oldest stranger, although places are free", () => {
  const seats = [seat("1", "a", { openedMs: 3 }), seat("2", "a", { openedMs: 1 }), seat("3", "a", { openedMs: 2 })];
  assert.deepEqual(admit(seats, "a", limits, NOW), { kind: "instead_of", id: "2" });
  assert.deepEqual(admit(seats, "b", limits, NOW), { kind: "free" });
});

Deno.test("a full house gives up the oldest stranger of the address that holds the most", () => {
  const seats = [
    seat("1", "a", { openedMs: 1 }),
    seat("2", "b", { openedMs: 2 }),
    seat("3", "b", { openedMs: 3 }),
    seat("4", "c", { known: true, openedMs: 0, activeMs: 0 }),
  ];
  assert.deepEqual(admit(seats, "d", limits, NOW), { kind: "instead_of", id: "2" });
});

Deno.test("without strangers the quietest known connection leaves, and a busy one never does", () => {
  const seats = [
    seat("1", "a", { known: true, activeMs: 10, busy: true }),
    seat("2", "b", { known: true, activeMs: 30 }),
    seat("3", "c", { known: true, activeMs: 20 }),
    seat("4", "d", { known: true, activeMs: NOW }),
  ];
  assert.deepEqual(admit(seats, "e", limits, NOW), { kind: "instead_of", id: "3" });
  const busy = seats.map((one) => ({ ...one, busy: true }));
  assert.deepEqual(admit(busy, "e", limits, NOW), { kind: "full" });
  const fresh = seats.map((one) => ({ ...one, activeMs: NOW - limits.evictIdleMs + 1 }));
  assert.deepEqual(admit(fresh, "e", limits, NOW), { kind: "full" });
});
