import assert from "node:assert/strict";
import fc from "fast-check";
import {
  isHost,
  isLoopback,
  isWildcard,
  listenAddress,
  overlaps,
  parseListen,
  parseOpcTcpUrl,
  peerAddress,
  urlHost,
} from "./address.ts";

Deno.test("isHost takes addresses and names, and nothing with a scheme, port, blank or mistyped number", () => {
  for (const host of ["127.0.0.1", "::1", "fe80::1", "plc", "gw-1.plant.local", "localhost", "chirpstack_1"]) {
    assert.ok(isHost(host), host);
  }
  for (const host of ["", " ", "a b", "http://a", "a:1", "[::1]", "256.1.1.1", "1.2.3", "-a", "a-", "a..b", "é"]) {
    assert.ok(!isHost(host), host);
  }
  assert.ok(!isHost(`${"a".repeat(63)}.`.repeat(4) + "a"));
});

Deno.test("parseListen reads host and port", () => {
  assert.deepEqual(parseListen("127.0.0.1:8080"), { host: "127.0.0.1", port: 8080 });
  assert.deepEqual(parseListen("[::1]:0"), { host: "::1", port: 0 });
  assert.deepEqual(parseListen("localhost:65535"), { host: "localhost", port: 65535 });
  for (const text of ["", "8080", ":8080", "::1:8080", "[127.0.0.1]:80", "a:65536", "a:", "a:1x", "http://a:1"]) {
    assert.equal(parseListen(text), null, text);
  }
});

Deno.test("parseOpcTcpUrl reads host, port and path, and nothing that is more or other than these", () => {
  for (
    const [text, host, port] of [
      ["opc.tcp://lds.plant:4841", "lds.plant", 4841],
      ["opc.tcp://lds.plant", "lds.plant", 4840],
      ["OPC.TCP://192.168.1.9:4840/UADiscovery", "192.168.1.9", 4840],
      ["opc.tcp://[fd00::1]/", "fd00::1", 4840],
    ] as const
  ) {
    assert.deepEqual(parseOpcTcpUrl(text), { host, port }, text);
  }
  for (
    const text of [
      "",
      "lds.plant:4840",
      "opc.tcp://",
      "opc.tcp://:4840",
      "opc.tcp://a:0",
      "opc.tcp://a:65536",
      "opc.tcp://user@a:4840",
      "opc.tcp://a:4840/?x=1",
      "opc.tcp://fd00::1",
      "opc.tcp://1.2.3:4840",
      "http://a:4840",
      "opc.https://a:4840",
      "opc.tcp://a:4840 ",
      "opc.tcp://a\n:4840",
    ]
  ) {
    assert.equal(parseOpcTcpUrl(text), null, text);
  }
});

Deno.test("parseListen never throws and gives back what it was written from", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.webAuthority({ withPort: true })), (text) => {
    const listen = parseListen(text);
    if (listen === null) return;
    const host = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
    assert.deepEqual(parseListen(`${host}:${listen.port}`), listen);
  }));
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65535), (host, port) => {
    assert.deepEqual(parseListen(`${host.includes(":") ? `[${host}]` : host}:${port}`), { host, port });
  }));
});

Deno.test("isLoopback and isWildcard know every way to write an address", () => {
  for (
    const host of ["127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "localhost", "LocalHost"]
  ) {
    assert.ok(isLoopback(host), host);
    assert.ok(!isWildcard(host), host);
  }
  for (const host of ["0.0.0.0", "::", "0:0::0", "::ffff:0.0.0.0"]) {
    assert.ok(isWildcard(host), host);
    assert.ok(!isLoopback(host), host);
  }
  for (const host of ["192.168.1.2", "plc", "127.example.org", "fe80::1%eth0", "::2"]) {
    assert.ok(!isLoopback(host) && !isWildcard(host), host);
  }
});

Deno.test("brackets around an IPv6 address do not matter, and look-alikes are no loopback", () => {
  for (const host of ["::", "[::]", "0:0:0:0:0:0:0:0", "::0"]) assert.ok(isWildcard(host), host);
  for (const host of ["127.0.0.1", "::1", "10.0.0.0", "host", "", "::ffff:1"]) assert.ok(!isWildcard(host), host);
  for (const host of ["127.1.2.3", "[::1]", "LOCALHOST"]) assert.ok(isLoopback(host), host);
  for (const host of ["10.0.0.1", "localhost.example", "127.0.0.1.evil.org", "localhost.evil.org", "127.evil", ""]) {
    assert.ok(!isLoopback(host), host);
  }
});

Deno.test("a URL has brackets around IPv6 addresses alone", () => {
  assert.deepEqual(["10.0.0.1", "::1", "[::1]", "a", "localhost"].map(urlHost), [
    "10.0.0.1",
    "[::1]",
    "[::1]",
    "a",
    "localhost",
  ]);
});

Deno.test("listenAddress takes what the schema takes and names what it refuses", () => {
  assert.deepEqual(listenAddress("[::1]:80"), { host: "::1", port: 80 });
  for (const bad of ["127.0.0.1", "::1:80", ":80", "a:99999", "a b:80"]) {
    assert.throws(() => listenAddress(bad), (error) => error instanceof RangeError && error.message.includes(bad));
  }
});

Deno.test("overlaps finds servers that cannot share a port", () => {
  assert.ok(overlaps("127.0.0.1", "127.0.0.1"));
  assert.ok(overlaps("0.0.0.0", "192.168.1.2"));
  assert.ok(overlaps("localhost", "127.0.0.1"));
  assert.ok(!overlaps("127.0.0.1", "192.168.1.2"));
});

Deno.test("an IPv4 address on an IPv6 socket is written as IPv4", () => {
  assert.equal(peerAddress("::ffff:10.1.2.3"), "10.1.2.3");
  assert.equal(peerAddress("10.1.2.3"), "10.1.2.3");
  assert.equal(peerAddress("2001:db8::1"), "2001:db8::1");
  assert.equal(peerAddress(undefined), "unknown");
});
