import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { makeServerCertificate } from "../../tls/make_certificate.ts";
import { certificateKey } from "./certificate_key.ts";

const { cert } = await makeServerCertificate({ names: ["hub.example"] });
const parsed = new X509Certificate(cert);
const der = new Uint8Array(parsed.raw);
const spki = new Uint8Array(parsed.publicKey.export({ type: "spki", format: "der" }) as Uint8Array);

/** The certificate with bytes put over those at, or somewhere behind, the last place of a pattern. */
function changed(pattern: string, offset: number, bytes: readonly number[]): Uint8Array {
  const at = Buffer.from(der).lastIndexOf(Buffer.from(pattern, "hex"));
  assert.ok(at >= 0, `${pattern} is in the certificate`);
  const copy = new Uint8Array(der);
  copy.set(bytes, at + offset);
  return copy;
}

Deno.test("the key of a certificate is found as it stands there", () => {
  assert.deepEqual(certificateKey(der), spki);
});

for (
  const [what, certificate] of [
    ["of version 1", changed("a003020102", 4, [0])],
    ["of a version of two bytes", changed("a003020102", 0, [0xa0, 0x03, 0x02, 0x02, 0x02])],
    ["with an alternative name that is no sequence", changed("0603551d11", 7, [0x31])],
    ["with a length in a longer form than needed", Uint8Array.of(0x30, 0x83, 0, der[2] ?? 0, ...der.subarray(3))],
    ["with something behind it", Uint8Array.of(...der, 0)],
    ["with an unused bit in its signature", changed("2a8648ce3d040302", 10, [7])],
    ["that is empty", new Uint8Array()],
    ["of 20 kB", new Uint8Array(20_000)],
  ] as const
) {
  Deno.test(`a certificate ${what} has no key that counts`, () => {
    assert.equal(certificateKey(certificate), null);
  });
}

Deno.test("no bytes make the reader fail, and a cut certificate never counts", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
    certificateKey(bytes);
  }));
  for (let length = 0; length < der.length; length++) assert.equal(certificateKey(der.subarray(0, length)), null);
});
