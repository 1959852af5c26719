import { deepStrictEqual } from "node:assert/strict";
import { advertisedHosts, certificateHosts } from "./advertised_hosts.ts";

const machine = {
  addresses: ["127.0.0.1", "::1", "192.168.1.7", "10.0.0.3", "fe80::1", "2001:db8::7"],
  hostname: "Plant-Box",
};

Deno.test("a wildcard bind advertises every address others can reach, and the name", () => {
  deepStrictEqual(advertisedHosts("0.0.0.0", [], machine), ["192.168.1.7", "10.0.0.3", "plant-box"]);
  deepStrictEqual(advertisedHosts("::", [], machine), ["192.168.1.7", "10.0.0.3", "2001:db8::7", "plant-box"]);
  deepStrictEqual(advertisedHosts("0.0.0.0", [], { addresses: ["127.0.0.1"], hostname: "" }), ["127.0.0.1"]);
});

Deno.test("a bound address advertises itself; configured hosts win; wildcards never appear", () => {
  deepStrictEqual(advertisedHosts("192.168.1.7", [], machine), ["192.168.1.7"]);
  deepStrictEqual(advertisedHosts("0.0.0.0", ["scada.example", "0.0.0.0", "::"], machine), ["scada.example"]);
  deepStrictEqual(advertisedHosts("0.0.0.0", ["0.0.0.0"], machine), ["127.0.0.1"]);
});

Deno.test("certificate hosts are split into names and addresses", () => {
  deepStrictEqual(certificateHosts(["a.example", "10.0.0.1", "2001:db8::7", "a.example"]), {
    dns: ["a.example"],
    ip: ["10.0.0.1", "2001:db8::7"],
  });
});
