import assert from "node:assert/strict";
import type { ExposureView } from "../access_answers.ts";
import { isThisMachine } from "../session/plain_warning.tsx";
import { isRemotePlain, placeOf } from "./exposure_map.tsx";

const web: ExposureView = {
  listener: "web",
  address: "192.168.10.5",
  port: 8080,
  protocol: "http",
  reach: "lan",
  encryption: "none",
  authentication: ["login"],
  lets: "Look",
  key: "runtime.web.listen",
};

Deno.test("plain text alarms where a network reaches it, and only there", () => {
  assert.equal(isRemotePlain(web), true);
  assert.equal(isRemotePlain({ ...web, reach: "any" }), true);
  assert.equal(isRemotePlain({ ...web, reach: "loopback" }), false);
  assert.equal(isRemotePlain({ ...web, encryption: "tls" }), false);
});

Deno.test("a listener's place is written as one types it", () => {
  assert.equal(placeOf(web), "192.168.10.5:8080");
  assert.equal(placeOf({ ...web, address: "fd00::5" }), "[fd00::5]:8080");
  assert.equal(placeOf({ ...web, address: "/run/edgekeep/control.sock", port: null }), "/run/edgekeep/control.sock");
});

Deno.test("host names of this machine are known as such", () => {
  for (const host of ["localhost", "edge.localhost", "127.0.0.1", "127.1.2.3", "[::1]"]) {
    assert(isThisMachine(host), host);
  }
  for (const host of ["127.example.org", "192.168.10.5", "edgekeep.local", "localhost.example.org", ""]) {
    assert(!isThisMachine(host), host);
  }
});
