import assert from "node:assert/strict";
import fc from "fast-check";
import type { NodeId } from "../../mesh/ids.ts";
import type { StatePeer } from "../../mesh/state.ts";
import { createPathSelector } from "./create_path_selector.ts";

const peerId = `n_${"1".repeat(32)}` as NodeId;
const direct = "203.0.113.8:51820";
const fixed = "198.51.100.1:51820";
const relayAddress = "203.0.113.1:51900";

function peer(endpoints: StatePeer["endpoints"], relay?: string, session = "s1"): StatePeer {
  return {
    node_id: peerId,
    name: "peer",
    mesh_ip: "10.100.0.2",
    statement_sha256: "0".repeat(64),
    endpoints,
    psk_hub: "",
    psk_hub_id: 1,
    ...relay === undefined
      ? {}
      : { relay: { session_id: session, address: relay, expires_at: "2030-01-01T00:00:00Z" } },
  };
}

const observed = (address: string) => ({ kind: "observed" as const, address });
const staticAt = (address: string) => ({ kind: "static" as const, address });

/**
 * A tunnel and the network under it, looked at once a second. The peer answers on the endpoints that work, as WireGuard
 * does: an initiation every 5 s without a session, keepalives, new keys after 120 s, roaming to where packets come from.
 */
class World {
  nowMs = 10_000_000;
  works = new Set<string>();
  /** Where the peer sends its packets from. */
  peerSendsBy: string | null = null;
  peer: StatePeer;
  ownObserved: string[] = ["203.0.113.7:51820"];
  endpoint: string | null = null;
  handshakeMs: number | null = null;
  /** Bytes that the peer sends each second beside keepalives. */
  peerSends = 0;
  readonly moves: string[] = [];
  readonly troubles: string[] = [];
  #attemptMs = -Infinity;
  #bytes = 0;
  readonly selector;

  constructor(peer: StatePeer, random: () => number = () => 0.5) {
    this.peer = peer;
    this.selector = createPathSelector({
      localNetworks: () => [],
      meshCidr: () => null,
      utcMs: () => this.nowMs,
      random,
      onTrouble: (peer, what) => this.troubles.push(peer === peerId ? what : "another peer's"),
    });
  }

  get ageMs(): number | null {
    return this.handshakeMs === null ? null : this.nowMs - this.handshakeMs;
  }

  get up(): boolean {
    return this.ageMs !== null && this.ageMs < 135_000;
  }

  look(): string | null {
    const choice = this.selector.look({
      peer: this.peer,
      ownObserved: this.ownObserved,
      lastHandshakeAgeMs: this.ageMs,
      endpoint: this.endpoint,
      receivedBytes: this.#bytes,
      nowMs: this.nowMs,
    });
    this.#bytes = 0;
    if (choice === null) return null;
    this.endpoint = choice.endpoint;
    this.moves.push(choice.endpoint);
    this.#ask();
    return choice.endpoint;
  }

  second(): void {
    this.nowMs += 1000;
    const session = this.ageMs !== null && this.ageMs < 180_000;
    if (this.nowMs % 25_000 < 1000) this.#keepalive();
    if (session && this.peerSendsBy !== null && this.works.has(this.peerSendsBy)) {
      if (this.peerSends > 0 || this.nowMs % 25_000 < 1000) {
        this.#bytes += Math.max(32, this.peerSends);
        this.endpoint = this.peerSendsBy;
      }
    }
    if (!session || (this.ageMs ?? 0) >= 120_000) this.#handshake();
    this.look();
  }

  run(seconds: number): void {
    for (let n = 0; n < seconds; n++) this.second();
  }

  #handshake(): void {
    if (this.nowMs - this.#attemptMs < 5000 || this.endpoint === null) return;
    this.#attemptMs = this.nowMs;
    if (!this.works.has(this.endpoint)) return;
    this.handshakeMs = this.nowMs;
    this.peerSendsBy = this.endpoint;
    this.#bytes += 92;
  }

  /** What is sent into the tunnel with a new endpoint, and answered. */
  #ask(): void {
    if (this.endpoint === null || !this.works.has(this.endpoint)) return;
    if (this.ageMs === null || this.ageMs >= 180_000) return;
    this.peerSendsBy = this.endpoint;
    this.#bytes += 80;
  }

  /** It takes the peer with it, when it arrives. */
  #keepalive(): void {
    if (this.endpoint === null || !this.works.has(this.endpoint) || this.ageMs === null) return;
    this.peerSendsBy = this.endpoint;
  }
}

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

Deno.test("Endpoints are tried for 6 s each, the relay last", () => {
  const world = new World(peer([observed(direct), staticAt(fixed)], relayAddress));
  const at: [number, string][] = [];
  for (let second = 0; second <= 14; second++) {
    const choice = second === 0 ? world.look() : (world.nowMs += 1000, world.look());
    if (choice !== null) at.push([second, choice]);
  }
  assert.deepEqual(at, [[0, fixed], [6, direct], [12, relayAddress]]);
  assert.equal(world.selector.kindOf(peerId, relayAddress), "none");
  world.works.add(relayAddress);
  world.run(6);
  assert.equal(world.selector.kindOf(peerId, relayAddress), "relay");
  assert.equal(world.selector.kindOf(peerId, direct), "direct");
  assert.equal(world.selector.kindOf(peerId, null), "none");
});

Deno.test("A tunnel that is up is not moved by what the hub says, until 135 s after its last handshake", () => {
  const world = new World(peer([observed(direct)]));
  world.works.add(direct);
  world.run(10);
  assert.equal(world.up, true);
  world.works.clear();
  world.moves.length = 0;
  world.peer = peer([observed("203.0.113.66:1")], "203.0.113.66:51900", "s9");
  const diedMs = world.handshakeMs ?? 0;
  while (world.nowMs - diedMs < 134_000) world.second();
  assert.deepEqual(world.moves, []);
  world.run(3);
  assert.deepEqual(world.moves, ["203.0.113.66:51900"]);
});

Deno.test("A tunnel that is lost is told once, and so is a round of tries in vain", () => {
  const world = new World(peer([observed(direct), staticAt(fixed)]));
  world.works.add(direct);
  world.run(15);
  assert.deepEqual(world.troubles, []);
  world.works.clear();
  world.run(200);
  assert.deepEqual(world.troubles, ["lost", "no_path"]);
  world.works.add(direct);
  world.run(60);
  world.works.clear();
  world.run(200);
  assert.deepEqual(world.troubles, ["lost", "no_path", "lost", "no_path"]);
});

Deno.test("A relay that is assigned to a pair that is not up is used at once", () => {
  const world = new World(peer([observed(direct)]));
  world.works.add(relayAddress);
  world.run(4);
  world.peer = peer([observed(direct)], relayAddress);
  world.run(6);
  assert.equal(world.endpoint, relayAddress);
  assert.equal(world.up, true);
});

Deno.test("An idle relayed tunnel tries the direct way now and then, and stays up on the relay when it fails", () => {
  const world = new World(peer([observed(direct)], relayAddress));
  world.works.add(relayAddress);
  world.run(40);
  assert.equal(world.endpoint, relayAddress);
  world.moves.length = 0;
  let away = 0;
  for (let second = 0; second < 3600; second++) {
    world.second();
    away = world.endpoint === relayAddress ? 0 : away + 1;
    assert.ok(away <= 7, "longer than 6 s away from the relay");
    assert.equal(world.up || (world.ageMs ?? 0) < 150_000, true);
  }
  const tries = world.moves.filter((move) => move === relayAddress).length;
  assert.ok(tries >= 3 && tries <= 8, `${tries} probes in an hour`);
});

Deno.test("An idle relayed tunnel finds the direct way once there is one", () => {
  const world = new World(peer([observed(direct)], relayAddress));
  world.works.add(relayAddress);
  world.run(40);
  world.works.add(direct);
  world.run(310);
  assert.equal(world.endpoint, direct);
  assert.equal(world.up, true);
  world.moves.length = 0;
  world.run(600);
  assert.deepEqual(world.moves, []);
});

Deno.test("A relayed tunnel with traffic stays where it is, but for an endpoint that changed", () => {
  const world = new World(peer([observed(direct)], relayAddress));
  world.works.add(relayAddress);
  world.peerSends = 10_000;
  world.run(60);
  world.moves.length = 0;
  world.run(1200);
  assert.deepEqual(world.moves, []);
  world.works.add("203.0.113.9:4");
  world.peer = peer([observed("203.0.113.9:4")], relayAddress);
  world.run(10);
  assert.equal(world.endpoint, "203.0.113.9:4");
});

Deno.test("New ports of a symmetric router are no reason to probe", () => {
  const symmetric = (n: number) => peer([observed(`203.0.113.8:${n}`), observed(`203.0.113.8:${n + 1}`)], relayAddress);
  const world = new World(symmetric(1000));
  world.works.add(relayAddress);
  world.peerSends = 10_000;
  world.run(60);
  world.moves.length = 0;
  for (let n = 0; n < 20; n++) {
    world.peer = symmetric(2000 + 2 * n);
    world.ownObserved = [`203.0.113.7:${3000 + n}`];
    world.run(60);
  }
  assert.deepEqual(world.moves, []);
});

Deno.test("Traffic that comes by the relay is no proof of the direct way", () => {
  const world = new World(peer([observed(direct)], relayAddress));
  world.works.add(relayAddress);
  world.peerSends = 10_000;
  world.run(60);
  world.peer = peer([observed("203.0.113.9:4")], relayAddress);
  world.run(30);
  assert.equal(world.endpoint, relayAddress);
  assert.ok(world.moves.includes("203.0.113.9:4"));
});

Deno.test("With traffic a probe that fails is over in 2 s", () => {
  const world = new World(peer([observed(direct)], relayAddress));
  world.works.add(relayAddress);
  world.peerSends = 10_000;
  world.run(80);
  world.moves.length = 0;
  // the other end probes as well: nothing arrives
  world.peerSendsBy = "203.0.113.99:1";
  world.peer = peer([observed("203.0.113.9:4")], relayAddress);
  world.run(1);
  assert.equal(world.endpoint, "203.0.113.9:4");
  world.run(2);
  assert.equal(world.endpoint, relayAddress);
  assert.deepEqual(world.moves, ["203.0.113.9:4", relayAddress]);
});

Deno.test("A relay that was taken away is left as soon as it is silent", () => {
  const world = new World(peer([observed(direct)], relayAddress));
  world.works.add(relayAddress);
  world.run(40);
  world.works.clear();
  world.works.add("203.0.113.1:51910");
  world.peer = peer([observed(direct)], "203.0.113.1:51910", "s2");
  world.run(45);
  assert.equal(world.endpoint, "203.0.113.1:51910");
});

Deno.test("An idle tunnel that renews its keys late is not taken for dead", () => {
  const world = new World(peer([observed(direct), staticAt(fixed)]));
  world.works.add(direct);
  world.run(20);
  world.moves.length = 0;
  for (let second = 0; second < 2000; second++) {
    world.second();
    assert.equal(world.endpoint, direct);
  }
  assert.deepEqual(world.moves, []);
});

Deno.test("Whatever works is found, wherever it is in the list and whenever it begins to work", () => {
  const endpoints = ["203.0.113.8:1", "203.0.113.9:1", "203.0.113.10:1", relayAddress];
  fc.assert(
    fc.property(
      fc.constantFrom(...endpoints),
      fc.integer({ min: 0, max: 120 }),
      fc.integer({ min: 0, max: 3 }),
      fc.integer(),
      (working, afterS, directs, seed) => {
        const listed = endpoints.slice(0, directs).map(observed);
        const known = [...listed.map(({ address }) => address), relayAddress];
        const world = new World(peer(listed, relayAddress), seeded(seed));
        world.run(afterS);
        world.works.add(working);
        world.run(120);
        assert.equal(world.up, known.includes(working));
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("Two ends that try in turns meet on the relay, however far apart they began", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer(),
      (apartS, few, many, seed) => {
        const random = seeded(seed);
        const list = (count: number) => Array.from({ length: count }, (_, n) => observed(`203.0.113.${n + 10}:1`));
        const one = new World(peer(list(few), relayAddress), random);
        const other = new World(peer(list(many), relayAddress), random);
        one.run(apartS);
        let together = 0;
        for (let second = 0; second < 150 && together < 6; second++) {
          one.second();
          other.second();
          together = one.endpoint === relayAddress && other.endpoint === relayAddress ? together + 1 : 0;
        }
        assert.ok(together >= 6);
      },
    ),
    { numRuns: 500 },
  );
});
