import assert from "node:assert/strict";
import { freePort } from "./free_port.ts";

Deno.test("a taken port is passed over for the next free one", () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = freePort("127.0.0.1", taken.addr.port);
  assert.notEqual(port, taken.addr.port);
  using _bound = Deno.listen({ hostname: "127.0.0.1", port });
});

Deno.test("a free port is taken as it is, and 0 asks for any", () => {
  const first = freePort("127.0.0.1", 0);
  assert.ok(first > 0);
  assert.equal(freePort("127.0.0.1", first), first);
});

Deno.test("whoever asks for any twice gets two, and none that the system gives to somebody else meanwhile", () => {
  const ports = Array.from({ length: 100 }, () => freePort("127.0.0.1", 0));
  assert.equal(new Set(ports).size, 100);
  assert.ok(ports.every((port) => port < 32_768), ports.join());
});
