import assert from "node:assert/strict";
import fc from "fast-check";
import { newSeed, wireGuardKeyOf } from "../../mesh/keys.ts";
import { checkUapiResult, formatUapiChanges, formatUapiPrivateKey, parseUapiDevice } from "./uapi_text.ts";
import { DeviceError } from "./wireguard_device.ts";

const key = wireGuardKeyOf(newSeed());
const peerKey = wireGuardKeyOf(newSeed()).publicKey;
const psk = newSeed();

const answer = [
  `private_key=${key.privateKey.toHex()}`,
  "listen_port=51820",
  "fwmark=1",
  `public_key=${peerKey.toHex()}`,
  `preshared_key=${psk.toHex()}`,
  "protocol_version=1",
  "endpoint=[fe80::1%eth0]:51820",
  "last_handshake_time_sec=1700000000",
  "last_handshake_time_nsec=123456789",
  "tx_bytes=38333",
  "rx_bytes=2224",
  "persistent_keepalive_interval=25",
  "allowed_ip=10.100.0.2/32",
  "allowed_ip=fd00::/64",
  `public_key=${newSeed().toHex()}`,
  `preshared_key=${"0".repeat(64)}`,
  "errno=0",
].join("\n");

Deno.test("an answer gives the device and its peers, without any secret", () => {
  const state = parseUapiDevice(answer);
  assert.deepEqual(state.publicKey, key.publicKey);
  assert.equal(state.listenPort, 51820);
  assert.deepEqual(state.peers[0], {
    publicKey: new Uint8Array(peerKey),
    hasPsk: true,
    endpoint: "[fe80::1%eth0]:51820",
    allowedIps: ["10.100.0.2/32", "fd00::/64"],
    keepaliveS: 25,
    lastHandshakeUs: 1_700_000_000_123_456,
    rxBytes: 2224,
    txBytes: 38333,
  });
  const second = state.peers[1];
  assert.deepEqual([second?.hasPsk, second?.endpoint, second?.lastHandshakeUs], [false, null, null]);
  const told = JSON.stringify(state, (_, value) => value instanceof Uint8Array ? value.toHex() : value);
  for (const secret of [key.privateKey, psk]) assert.ok(!told.includes(secret.toHex()));
  assert.deepEqual(parseUapiDevice("errno=0"), { publicKey: null, listenPort: 0, peers: [] });
});

Deno.test("an answer that is no sound one is refused as a whole", () => {
  const change = (from: string | RegExp, to: string) => answer.replace(from, to);
  const unsound = [
    "",
    "errno=",
    change("errno=0", "errno=zero"),
    change("errno=0", "errno=-1"),
    change("\nerrno=0", ""),
    `${answer}\nrx_bytes=1`,
    change("listen_port=51820", "listen_port=65536"),
    change("listen_port=51820", "listen_port=051820"),
    change("tx_bytes=38333", "tx_bytes=-1"),
    change("tx_bytes=38333", "tx_bytes=1e3"),
    change("rx_bytes=2224", "rx_bytes=99999999999999999999"),
    change("allowed_ip=10.100.0.2/32", "allowed_ip=10.100.0.2/33"),
    change("allowed_ip=10.100.0.2/32", "allowed_ip=10.100.0.256/32"),
    change("endpoint=[fe80::1%eth0]:51820", "endpoint=example.org:1"),
    change("endpoint=[fe80::1%eth0]:51820", "endpoint=192.0.2.1:70000"),
    change(/^private_key=../, "private_key="),
    change(/public_key=../, "public_key=ZZ"),
    change("fwmark=1", "fwmark"),
    change("fwmark=1", "Fwmark=1"),
    change("fwmark=1", ""),
  ];
  for (const text of unsound) {
    assert.throws(
      () => parseUapiDevice(text),
      (error) => error instanceof DeviceError && error.code === "failed",
      text,
    );
  }
});

Deno.test("no text makes the parser fail in another way than with its own error, and no error holds the text", () => {
  const lines = fc.array(
    fc.oneof(
      fc.constantFrom(...answer.split("\n")),
      fc.string({ maxLength: 80 }),
      fc.tuple(
        fc.constantFrom("public_key", "endpoint", "allowed_ip", "errno", "rx_bytes"),
        fc.string({ maxLength: 70 }),
      )
        .map(([name, value]) => `${name}=${value}`),
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(lines, (some) => {
      try {
        parseUapiDevice(some.join("\n"));
      } catch (error) {
        assert.ok(error instanceof DeviceError, String(error));
        assert.ok(!error.message.includes(psk.toHex()) && error.message.length < 120);
      }
    }),
    { numRuns: 5000 },
  );
});

Deno.test("a port in use is told apart from other refusals", () => {
  checkUapiResult("errno=0");
  const code = (text: string) => {
    try {
      checkUapiResult(text);
    } catch (error) {
      return error instanceof DeviceError ? error.code : error;
    }
  };
  assert.equal(code("errno=-98"), "port_taken");
  assert.equal(code("errno=98"), "port_taken");
  assert.equal(code("errno=22"), "failed");
  assert.equal(code("errnos"), "failed");
  assert.equal(code("errno=0\nerrno=0"), "failed");
});

Deno.test("changes are one transaction in their order, and what is absent is not set", () => {
  const second = newSeed();
  assert.equal(
    formatUapiChanges([
      { publicKey: peerKey, remove: true },
      {
        publicKey: second,
        updateOnly: true,
        psk,
        endpoint: "[2001:db8::1]:51820",
        allowedIps: ["10.100.0.2/32", "10.100.0.3/32"],
        keepaliveS: 25,
      },
      { publicKey: peerKey, allowedIps: [] },
      { publicKey: peerKey },
    ]),
    [
      "set=1",
      `public_key=${peerKey.toHex()}`,
      "remove=true",
      `public_key=${second.toHex()}`,
      "update_only=true",
      `preshared_key=${psk.toHex()}`,
      "endpoint=[2001:db8::1]:51820",
      "persistent_keepalive_interval=25",
      "replace_allowed_ips=true",
      "allowed_ip=10.100.0.2/32",
      "allowed_ip=10.100.0.3/32",
      `public_key=${peerKey.toHex()}`,
      "replace_allowed_ips=true",
      `public_key=${peerKey.toHex()}`,
      "",
      "",
    ].join("\n"),
  );
  assert.equal(formatUapiPrivateKey(key.privateKey), `set=1\nprivate_key=${key.privateKey.toHex()}\n\n`);
});

Deno.test("a change that would smuggle in a line, or is out of range, is refused before anything is sent", () => {
  const refused = [
    { publicKey: peerKey, endpoint: "192.0.2.1:1\nreplace_peers=true" },
    { publicKey: peerKey, endpoint: "192.0.2.1:1\n" },
    { publicKey: peerKey, endpoint: "hub.example:51820" },
    { publicKey: peerKey, endpoint: "192.0.2.1:0" },
    { publicKey: peerKey, endpoint: "192.0.2.1:65536" },
    { publicKey: peerKey, allowedIps: ["10.0.0.1"] },
    { publicKey: peerKey, allowedIps: ["10.0.0.1/32\nremove=true"] },
    { publicKey: peerKey, keepaliveS: -1 },
    { publicKey: peerKey, keepaliveS: 1.5 },
    { publicKey: peerKey.subarray(1) },
    { publicKey: peerKey, psk: new Uint8Array(31) },
  ];
  for (const change of refused) assert.throws(() => formatUapiChanges([change]), DeviceError, JSON.stringify(change));
});
