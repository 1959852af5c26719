import assert from "node:assert/strict";
import fc from "fast-check";
import { httpsLocation } from "./https_redirect.ts";

const own = { host: "plant.local", port: 8443 };

Deno.test("the redirect goes to the host and port that the request named", () => {
  assert.equal(httpsLocation("gw.example:9443", "/tags?q=a%20b", own), "https://gw.example:9443/tags?q=a%20b");
  assert.equal(httpsLocation("192.168.1.2:8443", "/", own), "https://192.168.1.2:8443/");
  assert.equal(httpsLocation("[fd00::1]:8443", "/x", own), "https://[fd00::1]:8443/x");
  assert.equal(httpsLocation("gw.example:443", "/x", own), "https://gw.example/x");
});

Deno.test("without a port the listener's own is meant", () => {
  assert.equal(httpsLocation("gw.example", "/x", own), "https://gw.example:8443/x");
  assert.equal(httpsLocation("gw.example", "/x", { host: "a", port: 443 }), "https://gw.example/x");
});

Deno.test("what is no host or no path is not passed on", () => {
  for (
    const host of [
      undefined,
      "",
      "a b",
      "user@evil.test",
      "evil.test/x",
      "a:b:c",
      "evil.test:99999",
      "\r\nX: y",
      "[::1",
    ]
  ) {
    assert.equal(httpsLocation(host, "/", own), "https://plant.local:8443/", String(host));
  }
  for (
    const path of ["*", "http://evil.test/", "//evil.test/", "/\\evil.test", "/a b", "/\r\nSet-Cookie: a=b", "", "/ü"]
  ) {
    assert.equal(httpsLocation("gw.example", path, own), "https://gw.example:8443/", path);
  }
});

Deno.test("every location is one line and a URL of HTTPS whose host is the one asked for or our own", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (host, path) => {
    for (const target of [path, `/${path}`]) {
      const location = httpsLocation(host, target, own);
      assert.doesNotMatch(location, /\p{Cc}/u);
      const url = new URL(location);
      assert.equal(url.protocol, "https:");
      assert.equal(url.username, "");
      assert.ok(
        url.hostname === own.host || host.toLowerCase().startsWith(url.hostname) || /^[\d.]+$|^\[/.test(url.hostname),
      );
    }
  }));
});
