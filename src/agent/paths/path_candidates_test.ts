import assert from "node:assert/strict";
import { parseCidr } from "../../mesh/ipv4.ts";
import type { StatePeer } from "../../mesh/state.ts";
import { pathCandidates } from "./path_candidates.ts";

type Endpoints = StatePeer["endpoints"];

const mesh = parseCidr("10.100.0.0/16");
const local = [{ address: "192.168.1.5", cidr: parseCidr("192.168.1.0/24") ?? assert.fail() }];
const own = ["203.0.113.7:51820"];

function texts(endpoints: Endpoints, ownObserved: readonly string[] = own, relay?: string): string[] {
  const peer = relay === undefined
    ? { endpoints }
    : { endpoints, relay: { session_id: "s", address: relay, expires_at: "2030-01-01T00:00:00Z" } };
  return pathCandidates(peer, ownObserved, local, mesh).map(({ kind, endpoint }) => `${kind} ${endpoint}`);
}

const lan = (address: string) => ({ kind: "lan" as const, address });
const observed = (address: string) => ({ kind: "observed" as const, address });
const fixed = (address: string) => ({ kind: "static" as const, address });

Deno.test("Two nodes behind one public address try the LAN first, the network they share before others", () => {
  assert.deepEqual(
    texts(
      [lan("10.9.9.9:1"), lan("192.168.1.9:1"), observed("203.0.113.7:4000"), fixed("198.51.100.1:5")],
      own,
      "203.0.113.1:51900",
    ),
    [
      "lan 192.168.1.9:1",
      "lan 10.9.9.9:1",
      "direct 198.51.100.1:5",
      "direct 203.0.113.7:4000",
      "relay 203.0.113.1:51900",
    ],
  );
});

Deno.test("Behind different public addresses no LAN is tried, even where the numbers fit", () => {
  assert.deepEqual(texts([lan("192.168.1.9:1"), observed("203.0.113.8:2")]), ["direct 203.0.113.8:2"]);
});

Deno.test("Without any observation only the own network is tried", () => {
  assert.deepEqual(texts([lan("192.168.1.9:1"), lan("10.9.9.9:1")], []), ["lan 192.168.1.9:1"]);
  assert.deepEqual(texts([lan("192.168.1.9:1")]), []);
});

Deno.test("An address that cannot be a peer is not tried, whatever the hub says", () => {
  for (
    const bad of [
      "127.0.0.1:1",
      "[0:0:0:0:0:0:0:1]:1",
      "[0::0.0.0.1]:1",
      "[::127.0.0.1]:1",
      "[0:0:0:0:0:ffff:127.0.0.1]:1",
      "[FF02:0::1]:1",
      "0.0.0.0:1",
      "169.254.1.1:1",
      "224.0.0.1:1",
      "255.255.255.255:1",
      "10.100.0.9:1",
      "192.168.1.5:51820",
      "[::1]:1",
      "[fe80::1]:1",
      "[ff02::1]:1",
      "[::ffff:127.0.0.1]:1",
    ]
  ) assert.deepEqual(texts([observed(bad), fixed(bad)], own, bad), [], bad);
  assert.deepEqual(texts([fixed("[2001:db8::1]:1")]), ["direct [2001:db8::1]:1"]);
});

Deno.test("A symmetric router is one try, and no hub can name so many that the relay is never reached", () => {
  assert.deepEqual(texts([observed("203.0.113.8:1"), observed("203.0.113.8:2")]), ["direct 203.0.113.8:1"]);
  const many = Array.from({ length: 30 }, (_, n) => observed(`203.0.113.${n + 10}:1`));
  assert.equal(texts(many, own, "203.0.113.1:51900").length, 5);
});

Deno.test("An endpoint that was seen on the LAN itself is the LAN, and is tried once", () => {
  assert.deepEqual(texts([lan("192.168.1.9:1"), observed("192.168.1.9:1")]), ["lan 192.168.1.9:1"]);
});
