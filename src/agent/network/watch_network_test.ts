import assert from "node:assert/strict";
import { DeviceDriver } from "../../../tests/mesh/kit/device_driver.ts";
import { MeshNetwork } from "../../../tests/mesh/kit/mesh_network.ts";
import { requires } from "../../../tests/lib/requires.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { localAddresses } from "./local_addresses.ts";
import type { NetworkFacts } from "./network_facts.ts";
import { overlappingRoute } from "./overlapping_route.ts";

Deno.test({
  name: "a new address and a new route are noticed, changes of the mesh interface are not",
  ...requires("network-namespaces"),
  async fn() {
    await using network = await MeshNetwork.create();
    const machine = await network.publicMachine("m");
    // its own addresses of IPv6 come when they are known to be nobody else's
    await machine.ok("sysctl", ["-qw", "net.ipv6.conf.all.disable_ipv6=1"]);
    await using driver = new DeviceDriver(machine);
    await driver.ask({ do: "watch", meshInterface: "mesh0", intervalMs: 50 });
    // a look is done with when the next one has ended
    const twoLooks = async () => {
      const before = await driver.ask({ do: "looks" }) as number;
      await waitFor("two looks", async () => await driver.ask({ do: "looks" }) as number >= before + 2);
    };
    await twoLooks();
    await machine.ok("ip", ["link", "add", "mesh0", "type", "veth", "peer", "name", "other0"]);
    await machine.ok("ip", ["link", "set", "mesh0", "up"]);
    const changes = async () => await driver.ask({ do: "changes" }) as number;
    const settled = await changes();
    await machine.ok("ip", ["addr", "add", "10.100.0.1/24", "dev", "mesh0"]);
    await twoLooks();
    assert.equal(await changes(), settled);
    await machine.ok("ip", ["addr", "add", "198.51.100.7/24", "dev", "eth0"]);
    const after = await waitFor("the address", async () => await changes() > settled && await changes());
    await machine.ok("ip", ["route", "add", "192.0.2.0/24", "via", "198.51.100.1"]);
    await waitFor("the route", async () => await changes() > after);

    const facts = await driver.ask({ do: "facts" }) as NetworkFacts;
    assert.deepEqual(localAddresses(facts, "mesh0"), [machine.address, "198.51.100.7"]);
    assert.equal(overlappingRoute(facts, "192.0.0.0/16", "mesh0")?.gateway, "198.51.100.1");
    assert.equal(overlappingRoute(facts, "198.51.100.0/25", "mesh0")?.interface, "eth0");
    assert.equal(overlappingRoute(facts, "10.100.0.0/16", "mesh0"), null);
    assert.equal(overlappingRoute(facts, "10.100.0.0/16", "another")?.interface, "mesh0");
  },
});

const route = (destination: string, more = {}) => ({
  destination,
  interface: "eth0",
  gateway: null,
  table: "main",
  ...more,
});

Deno.test("only a network that shares an address with the mesh's overlaps it", () => {
  const overlaps = (...routes: ReturnType<typeof route>[]) =>
    overlappingRoute({ routes }, "10.100.0.0/16", "edgekeep0")?.destination ?? null;
  assert.equal(overlaps(route("default"), route("10.101.0.0/16"), route("10.99.255.255"), route("10.96.0.0/14")), null);
  assert.equal(overlaps(route("10.0.0.0/8")), "10.0.0.0/8");
  assert.equal(overlaps(route("10.100.7.9")), "10.100.7.9");
  assert.equal(overlaps(route("10.100.128.0/17", { table: "42" })), "10.100.128.0/17");
  assert.equal(overlaps(route("10.100.3.0/24", { interface: "edgekeep0" })), null);
  // as other tunnels write a default route
  assert.equal(overlaps(route("0.0.0.0/1"), route("0.0.0.0/0")), null);
  assert.equal(overlaps(route("10.64.0.0/10")), "10.64.0.0/10");
  assert.throws(() => overlappingRoute({ routes: [] }, "10.100.0.1/16", "edgekeep0"), RangeError);
});

Deno.test("addresses that nobody else can reach are not told", () => {
  const address = (name: string, text: string, scope = "global") => ({
    interface: name,
    family: text.includes(":") ? "inet6" as const : "inet" as const,
    address: text,
    prefix: 24,
    scope,
  });
  assert.deepEqual(
    localAddresses({
      routes: [],
      addresses: [
        address("lo", "127.0.0.1", "host"),
        address("eth0", "2001:db8::7"),
        address("eth0", "fe80::1", "link"),
        address("eth0", "192.168.1.7"),
        address("wlan0", "192.168.1.7"),
        address("docker0", "172.17.0.1"),
        address("br-0123456789ab", "172.18.0.1"),
        address("br-lan", "192.168.2.1"),
        address("edgekeep0", "10.100.0.1"),
      ],
    }, "edgekeep0"),
    ["192.168.1.7", "192.168.2.1", "2001:db8::7"],
  );
});
