import assert from "node:assert/strict";
import type { LocalAddress } from "../network/network_facts.ts";
import { localEndpoints, localNetworks } from "./local_endpoints.ts";

function address(name: string, text: string, prefix = 24, scope = "global"): LocalAddress {
  return { interface: name, family: text.includes(":") ? "inet6" : "inet", address: text, prefix, scope };
}

const facts = {
  routes: [],
  addresses: [
    address("lo", "127.0.0.1", 8, "host"),
    address("eth0", "192.168.1.5"),
    address("eth0", "fe80::1", 64, "link"),
    address("eth0", "2001:db8::5", 64),
    address("br0", "172.16.4.9", 22),
    address("docker0", "172.17.0.1", 16),
    address("wlan0", "169.254.3.3", 16, "link"),
    address("edgekeep0", "10.100.0.3", 32),
    address("other", "10.100.9.9", 32),
  ],
};
const options = {
  meshInterface: "edgekeep0",
  meshCidr: "10.100.0.0/16",
  listenPort: 51820,
  staticEndpoints: ["203.0.113.7:51820", "203.0.113.7:51820"],
  lan: true,
};

Deno.test("A node tells its owner's endpoints and its LAN addresses, none of the mesh, of containers or of a link alone", () => {
  assert.deepEqual(localEndpoints(facts, options), [
    { kind: "static", address: "203.0.113.7:51820" },
    { kind: "lan", address: "192.168.1.5:51820" },
    { kind: "lan", address: "172.16.4.9:51820" },
  ]);
  assert.deepEqual(localEndpoints(facts, { ...options, lan: false, staticEndpoints: [] }), []);
});

Deno.test("No machine has so many addresses that the hub refuses the list", () => {
  const addresses = Array.from({ length: 100 }, (_, n) => address("eth0", `192.168.2.${n}`));
  const staticEndpoints = Array.from({ length: 8 }, (_, n) => `203.0.113.${n}:1`);
  assert.equal(localEndpoints({ routes: [], addresses }, { ...options, staticEndpoints }).length, 16);
});

Deno.test("Networks of this machine are those of its LAN addresses", () => {
  assert.deepEqual(
    localNetworks(facts, options).map(({ address, cidr }) => [address, cidr.network, cidr.prefix]),
    [["192.168.1.5", 0xc0a80100, 24], ["172.16.4.9", 0xac100400, 22]],
  );
});
