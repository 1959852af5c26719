import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { makeServerCertificate } from "./make_certificate.ts";
import { checkPair, keyMatches, readCertificate } from "./read_certificate.ts";

const DAY_US = 86_400_000_000;

Deno.test("a certificate that was made reads as it was asked for", async () => {
  const { cert, key } = await makeServerCertificate({
    names: ["Plant.local", "192.168.1.20", "fd00::20", "plant.local"],
  });
  const facts = readCertificate(cert);
  assert.deepEqual(facts.names, ["plant.local", "192.168.1.20", "fd00::20"]);
  assert.equal(facts.subject, "CN=plant.local");
  assert.equal(facts.issuer, facts.subject);
  assert.equal(facts.selfSigned, true);
  assert.equal(facts.keyType, "EC P-256");
  assert.match(facts.fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  assert.match(facts.serial, /^[4-7][0-9A-F]{31}$/);
  assert.equal(keyMatches(cert, key), true);
  assert.deepEqual(checkPair(cert, key), facts);
  assert.match(key, /^-----BEGIN PRIVATE KEY-----\n[^]+\n-----END PRIVATE KEY-----\n$/);
});

Deno.test("it is for servers alone, no CA, and not longer valid than Apple's systems allow", async () => {
  const { cert } = await makeServerCertificate({ names: ["localhost"] });
  const afterUs = Date.now() * 1000;
  const certificate = new X509Certificate(cert);
  assert.equal(certificate.ca, false);
  const { notBeforeUs, notAfterUs } = readCertificate(cert);
  assert.ok(notBeforeUs <= afterUs - 3_600_000_000);
  // first and last second both count
  assert.equal(notAfterUs - notBeforeUs + 1_000_000, 825 * DAY_US);
});

Deno.test("serial numbers, keys and fingerprints are never the same", async () => {
  const two = await Promise.all([1, 2].map(() => makeServerCertificate({ names: ["a"], days: 1 })));
  const facts = two.map(({ cert }) => readCertificate(cert));
  assert.notEqual(facts[0]?.serial, facts[1]?.serial);
  assert.notEqual(facts[0]?.fingerprint, facts[1]?.fingerprint);
  assert.notEqual(two[0]?.key, two[1]?.key);
  assert.equal(keyMatches(two[0]?.cert ?? "", two[1]?.key ?? ""), false);
});

Deno.test("names that no certificate can carry, and days out of range, are refused", async () => {
  for (
    const names of [[], ["a b"], ["*.plant.local"], ["http://a"], ["a:80"], ["0.0.0.0"], ["::"], ["1.2.3"], ["a,DNS:b"]]
  ) {
    await assert.rejects(makeServerCertificate({ names }), RangeError, names.join());
  }
  for (const days of [0, -1, 1.5, 3651, NaN, Infinity]) {
    await assert.rejects(makeServerCertificate({ names: ["a"], days }), RangeError, String(days));
  }
});

Deno.test("every set of host names and addresses comes back out of the certificate", async () => {
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
  const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((parts) => [...parts, "x"].join("."));
  const name = fc.oneof(host, fc.ipV4().filter((address) => address !== "0.0.0.0"));
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(name, { minLength: 1, maxLength: 5 }), fc.string(), async (names, commonName) => {
      const wishes = commonName === "" ? { names } : { names, commonName };
      const { cert, key } = await makeServerCertificate(wishes);
      assert.deepEqual(checkPair(cert, key).names, names);
    }),
    { numRuns: 40 },
  );
});

Deno.test("a certificate can be renewed for the key that is there", async () => {
  const { cert, key } = await makeServerCertificate({ names: ["hub"], days: 10 });
  const renewed = await makeServerCertificate({ names: ["hub"], days: 20, key });
  assert.equal(keyMatches(renewed.cert, key), true);
  assert.equal(keyMatches(cert, renewed.key), true);
  assert.notEqual(renewed.cert, cert);
  assert.equal(checkPair(renewed.cert, renewed.key).selfSigned, true);
});
