import assert from "node:assert/strict";
import { endpointText } from "./endpoint_text.ts";

Deno.test("An endpoint is written as the mesh writes it, a mapped IPv4 address as IPv4", () => {
  assert.equal(endpointText({ hostname: "192.0.2.1", port: 51820 }), "192.0.2.1:51820");
  assert.equal(endpointText({ hostname: "2001:db8::1", port: 1 }), "[2001:db8::1]:1");
  assert.equal(endpointText({ hostname: "::ffff:192.0.2.1", port: 7 }), "192.0.2.1:7");
});
