import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { CertificateError } from "./certificate_error.ts";
import { makeServerCertificate } from "./make_certificate.ts";
import { certificateBlocks, checkPair, keyMatches, readCertificate, readPrivateKey } from "./read_certificate.ts";

const { cert, key } = await makeServerCertificate({ names: ["plant.local"] });
const other = await makeServerCertificate({ names: ["other.local"] });

function refused(run: () => unknown, code: CertificateError["code"], text: RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof CertificateError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  });
}

Deno.test("the first certificate of a chain is the server's own, and text around it is skipped", () => {
  const chain = `Bag Attributes\r\n  friendlyName: plant\r\n${cert}\n${other.cert}`.replaceAll("\n", "\r\n");
  assert.deepEqual(readCertificate(chain).names, ["plant.local"]);
  assert.equal(keyMatches(chain, key), true);
  assert.equal(keyMatches(chain, other.key), false);
  assert.equal(certificateBlocks(`${key}${chain}`), cert + other.cert);
});

Deno.test("a file with key and certificate together serves as either", () => {
  assert.equal(keyMatches(key + cert, cert + key), true);
});

Deno.test("what is no certificate is refused with what it is", () => {
  refused(() => readCertificate(""), "no_certificate", /the file is empty/);
  refused(() => readCertificate("hello"), "no_certificate", /not PEM/);
  refused(() => readCertificate("0\u0082\u0001\u00b4"), "no_certificate", /DER; convert it: openssl x509/);
  refused(() => readCertificate(key), "no_certificate", /holds PRIVATE KEY, and no CERTIFICATE/);
  refused(() => readCertificate(cert.slice(0, 200)), "no_certificate", /not PEM/);
  refused(() => readCertificate(cert.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA")), "no_certificate", /damaged/);
  // a key behind a certificate's label
  refused(() => readCertificate(key.replaceAll("PRIVATE KEY", "CERTIFICATE")), "no_certificate", /damaged/);
});

Deno.test("what is no private key is refused, and the message holds nothing of it", () => {
  refused(() => readPrivateKey(cert), "no_key", /holds CERTIFICATE, and no PRIVATE KEY/);
  refused(() => readPrivateKey("\u0030\u0082"), "no_key", /DER/);
  const broken = key.replace(/\n.{10}/, "\nAAAAAAAAAA");
  refused(() => readPrivateKey(broken), "no_key", /^Cannot read the private key as its data is damaged$/);
});

Deno.test("keys with a pass phrase are refused with the way to remove it", () => {
  const encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
  refused(() => readPrivateKey(encrypted), "key_encrypted", /openssl pkey -in/);
  const old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n" +
    "-----END RSA PRIVATE KEY-----\n";
  refused(() => readPrivateKey(old), "key_encrypted", /pass phrase/);
});

Deno.test("EC and RSA keys are read as PKCS #8, SEC 1 and PKCS #1", () => {
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  for (
    const [text, type] of [
      [ec.export({ type: "pkcs8", format: "pem" }), "ec"],
      [ec.export({ type: "sec1", format: "pem" }), "ec"],
      [rsa.export({ type: "pkcs8", format: "pem" }), "rsa"],
      [rsa.export({ type: "pkcs1", format: "pem" }), "rsa"],
    ]
  ) {
    const read = readPrivateKey(String(text));
    assert.equal(read.asymmetricKeyType, type);
    assert.equal(keyMatches(cert, String(text)), false);
    refused(() => checkPair(cert, String(text)), "key_mismatch", /belongs to another certificate/);
  }
});

Deno.test("reading never throws anything but its own error, whatever the text", () => {
  const pieces = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(cert, key, "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", "\n", "-----BEGIN "),
    fc.base64String().map((data) => `-----BEGIN CERTIFICATE-----\n${data}\n-----END CERTIFICATE-----\n`),
    fc.base64String().map((data) => `-----BEGIN EC PRIVATE KEY-----\n${data}\n-----END EC PRIVATE KEY-----\n`),
  );
  const text = fc.array(pieces, { maxLength: 4 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, text, (one, two) => {
      for (const run of [() => readCertificate(one), () => keyMatches(one, two), () => checkPair(one, two)]) {
        onlyOwnError(run);
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("a certificate with any of its bytes changed reads or is refused, and nothing else", () => {
  const data = Uint8Array.from(atob(cert.split("\n").slice(1, -2).join("")), (sign) => sign.charCodeAt(0));
  fc.assert(
    fc.property(fc.nat(data.length - 1), fc.nat(255), fc.boolean(), (at, value, cutOff) => {
      const bytes = data.slice(0, cutOff ? at : data.length);
      bytes[at] = value;
      const text = btoa(String.fromCharCode(...bytes));
      const pem = `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
      onlyOwnError(() => readCertificate(pem));
      onlyOwnError(() => checkPair(pem, key));
    }),
    { numRuns: 3000 },
  );
});

function onlyOwnError(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
  }
}
