import assert from "node:assert/strict";
import { admit, type Places, type Seat } from "./admission.ts";

const places: Places = { all: 4, perAddress: 3, evictIdleMs: 5000 };
const NOW = 100_000;

function seat(id: string, address: string, more: Partial<Seat> = {}): Seat {
  return { id, address, known: false, busy: false, openedMs: NOW, activeMs: NOW, ...more };
}

Deno.test("a newcomer takes a free place", () => {
  assert.deepEqual(admit([seat("1", "a"), seat("2", "a")], "a", places, NOW), { kind: "free" });
});

Deno.test("an address beyond its share displaces its own oldest stranger, although places are free", () => {
  const seats = [seat("1", "a", { openedMs: 3 }), seat("2", "a", { openedMs: 1 }), seat("3", "a", { openedMs: 2 })];
  assert.deepEqual(admit(seats, "a", places, NOW), { kind: "instead_of", id: "2" });
  assert.deepEqual(admit(seats, "b", places, NOW), { kind: "free" });
});

Deno.test("a full house gives up the oldest stranger of the address that holds the most", () => {
  const seats = [
    seat("1", "a", { openedMs: 1 }),
    seat("2", "b", { openedMs: 2 }),
    seat("3", "b", { openedMs: 3 }),
    seat("4", "c", { known: true, openedMs: 0, activeMs: 0 }),
  ];
  assert.deepEqual(admit(seats, "d", places, NOW), { kind: "instead_of", id: "2" });
});

Deno.test("without strangers the quietest known connection leaves, and a busy one never does", () => {
  const seats = [
    seat("1", "a", { known: true, activeMs: 10, busy: true }),
    seat("2", "b", { known: true, activeMs: 30 }),
    seat("3", "c", { known: true, activeMs: 20 }),
    seat("4", "d", { known: true, activeMs: NOW }),
  ];
  assert.deepEqual(admit(seats, "e", places, NOW), { kind: "instead_of", id: "3" });
  const busy = seats.map((one) => ({ ...one, busy: true }));
  assert.deepEqual(admit(busy, "e", places, NOW), { kind: "full" });
  const fresh = seats.map((one) => ({ ...one, activeMs: NOW - places.evictIdleMs + 1 }));
  assert.deepEqual(admit(fresh, "e", places, NOW), { kind: "full" });
});
