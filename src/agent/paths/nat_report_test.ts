import assert from "node:assert/strict";
import { natReport } from "./nat_report.ts";

const seen = (...addresses: string[]) => addresses.map((address, observer) => ({ observer, address }));

Deno.test("Two observers tell a cone from a symmetric router, and no router from both", () => {
  const kind = (...addresses: string[]) =>
    natReport(seen(...addresses), ["192.168.1.5", "198.51.100.7"], 51820, true).kind;
  assert.equal(kind(), "unknown");
  assert.equal(kind("203.0.113.1:51820"), "unknown");
  assert.equal(kind("203.0.113.1:51820", "203.0.113.1:51820"), "cone");
  assert.equal(kind("203.0.113.1:4000", "203.0.113.1:4001"), "symmetric");
  assert.equal(kind("198.51.100.7:51820", "198.51.100.7:51820"), "none");
  assert.equal(kind("198.51.100.7:4000", "198.51.100.7:4000"), "cone");
});

Deno.test("The newest answer of each observer counts, and silence is told from an answer", () => {
  const again = [...seen("203.0.113.1:1", "203.0.113.1:1"), { observer: 1, address: "203.0.113.1:2" }];
  assert.deepEqual(natReport(again, [], 51820, false), {
    kind: "symmetric",
    addresses: ["203.0.113.1:1", "203.0.113.1:2"],
    reached: true,
  });
  assert.equal(natReport([], [], 51820, true).reached, false);
  assert.equal(natReport([], [], 51820, false).reached, null);
});
