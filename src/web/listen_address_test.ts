import assert from "node:assert/strict";
import { isLoopback, parseListenAddress, urlHost } from "./listen_address.ts";

Deno.test("a listen address is a host or a bracketed v6 address with a port", () => {
  assert.deepEqual(parseListenAddress("127.0.0.1:8080"), { host: "127.0.0.1", port: 8080 });
  assert.deepEqual(parseListenAddress("[::1]:80"), { host: "::1", port: 80 });
  for (const bad of ["127.0.0.1", "::1:80", ":80", "a:99999", "a b:80"]) {
    assert.throws(() => parseListenAddress(bad), RangeError, bad);
  }
  assert.equal(urlHost("::1"), "[::1]");
  assert.equal(urlHost("localhost"), "localhost");
});

Deno.test("only localhost, 127.0.0.0/8 and ::1 are loopback", () => {
  for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"]) assert(isLoopback(host), host);
  for (const host of ["0.0.0.0", "::", "192.168.1.2", "127.0.0.1.evil.org", "localhost.evil.org", "127.evil", ""]) {
    assert(!isLoopback(host), host);
  }
});
