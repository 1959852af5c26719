import assert from "node:assert/strict";
import { cidrHosts, isPrivateCidr, parseCidr } from "./cidr.ts";

const cidr = (text: string) => {
  const found = parseCidr(text);
  assert.ok(found !== null, text);
  return found;
};

Deno.test("a network is an address whose bits behind the prefix are 0", () => {
  assert.deepEqual(parseCidr("10.100.0.0/16"), { network: 10 * 2 ** 24 + 100 * 2 ** 16, prefix: 16 });
  assert.deepEqual(parseCidr("255.255.255.255/32"), { network: 2 ** 32 - 1, prefix: 32 });
  for (const text of ["10.100.0.1/16", "10.100.0.0", "10.100.0.0/33", "256.0.0.0/8", "010.0.0.0/8", "::/0", ""]) {
    assert.equal(parseCidr(text), null, text);
  }
});

Deno.test("a network is private when all of it is", () => {
  for (const text of ["10.0.0.0/8", "10.100.0.0/16", "172.31.0.0/16", "192.168.7.0/24", "100.64.0.0/10"]) {
    assert.equal(isPrivateCidr(cidr(text)), true, text);
  }
  for (const text of ["8.0.0.0/7", "172.32.0.0/16", "172.0.0.0/11", "192.169.0.0/16", "100.128.0.0/16", "0.0.0.0/0"]) {
    assert.equal(isPrivateCidr(cidr(text)), false, text);
  }
});

Deno.test("hosts of a network do not count its own and its broadcast address", () => {
  assert.deepEqual(["10.0.0.0/24", "10.0.0.0/30", "10.0.0.0/31", "10.0.0.0/32"].map((text) => cidrHosts(cidr(text))), [
    254,
    2,
    0,
    0,
  ]);
});
