import assert from "node:assert/strict";
import { parsePorts, portsText, servicesOf } from "./services_of.ts";

Deno.test("services are named as the firewall names them", () => {
  assert.deepEqual(servicesOf({ protocol: "tcp", ports: [[4840, 4840], [8000, 8080]] }), ["tcp/4840", "tcp/8000-8080"]);
  assert.deepEqual(servicesOf({ protocol: "icmp", ports: [] }), ["icmp"]);
});

Deno.test("ports are read back as they were written", () => {
  for (const ports of [[[1, 1]], [[80, 80], [443, 443], [5000, 5010]], [[1, 65_535]]] as [number, number][][]) {
    assert.deepEqual(parsePorts(portsText(ports)), ports);
  }
  assert.deepEqual(parsePorts(" 80 ,443,, 1 - 2"), [[80, 80], [443, 443], [1, 2]]);
});

Deno.test("what is no list of ports is refused", () => {
  for (const text of ["", " ", ",", "0", "65536", "10-5", "http", "-5", "5-", "1 2", "99999999"]) {
    assert.equal(parsePorts(text), null, text);
  }
});
