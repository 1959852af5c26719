import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Cidr,
  cidrContains,
  cidrsOverlap,
  formatCidr,
  formatIpv4,
  isHostOf,
  parseCidr,
  parseIpv4,
} from "./ipv4.ts";

const cidr = (text: string): Cidr => {
  const parsed = parseCidr(text);
  assert.ok(parsed, text);
  return parsed;
};
const address = (text: string): number => {
  const parsed = parseIpv4(text);
  assert.ok(parsed !== null, text);
  return parsed;
};

Deno.test("addresses are numbers and come back as they were", () => {
  assert.equal(parseIpv4("10.100.0.1"), 0x0a640001);
  assert.equal(parseIpv4("255.255.255.255"), 2 ** 32 - 1);
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (n) => assert.equal(parseIpv4(formatIpv4(n)), n)));
  for (
    const text of ["10.0.0", "10.0.0.0.0", "256.0.0.1", "010.0.0.1", "1.2.3.4 ", "::1", "", "1.2.3.+4", "1e1.0.0.1"]
  ) {
    assert.equal(parseIpv4(text), null, text);
  }
});

Deno.test("networks have no bits behind their prefix", () => {
  assert.deepEqual(parseCidr("10.100.0.0/16"), { network: 0x0a640000, prefix: 16 });
  assert.deepEqual(parseCidr("0.0.0.0/0"), { network: 0, prefix: 0 });
  assert.equal(formatCidr(cidr("192.168.1.128/25")), "192.168.1.128/25");
  for (const text of ["10.100.0.1/16", "10.0.0.0/33", "10.0.0.0", "10.0.0.0/08", "10.0.0.0/-1", "/8", "10.0.0.0/8/8"]) {
    assert.equal(parseCidr(text), null, text);
  }
});

Deno.test("networks know what lies in them", () => {
  const mesh = cidr("10.100.0.0/16");
  assert.ok(cidrContains(mesh, address("10.100.255.255")) && !cidrContains(mesh, address("10.101.0.0")));
  assert.ok(!cidrContains(mesh, address("10.99.255.255")) && cidrContains(cidr("0.0.0.0/0"), 2 ** 32 - 1));
  assert.ok(isHostOf(mesh, address("10.100.0.1")) && !isHostOf(mesh, address("10.100.0.0")));
  assert.ok(!isHostOf(mesh, address("10.100.255.255")));
});

Deno.test("networks overlap when one holds the other", () => {
  const pairs: [string, string, boolean][] = [
    ["10.100.0.0/16", "10.100.7.0/24", true],
    ["10.100.0.0/16", "10.0.0.0/8", true],
    ["10.100.0.0/16", "10.101.0.0/16", false],
    ["0.0.0.0/0", "192.0.2.1/32", true],
    ["192.0.2.0/25", "192.0.2.128/25", false],
  ];
  for (const [a, b, overlap] of pairs) {
    assert.equal(cidrsOverlap(cidr(a), cidr(b)), overlap, `${a} ${b}`);
    assert.equal(cidrsOverlap(cidr(b), cidr(a)), overlap, `${b} ${a}`);
  }
});
