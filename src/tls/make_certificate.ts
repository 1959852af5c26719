import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { isHost } from "../config/address.ts";

/**
 * Days that a certificate is valid. Apple's systems refuse server certificates of more than 825 days, also those that
 * their user trusts (HT210176); the 398 days of browsers count for public CAs alone. Longer means fewer days on which
 * everybody must compare fingerprints again.
 */
export const DEFAULT_DAYS = 825;
export const MOST_DAYS = 3650;

const DAY_MS = 86_400_000;
/** A client whose clock is a little behind must not find it "not yet valid". */
const BACK_DATED_MS = 3_600_000;
const MOST_NAMES = 100;

/** What a certificate is made for. */
export interface CertificateWishes {
  /** Host names and IP addresses, without brackets, under which clients reach the server; the first is the most useful. */
  readonly names: readonly string[];
  /** Days from an hour ago to the end, 1 to 3650; {@link DEFAULT_DAYS} without it. */
  readonly days?: number;
  /** Subject CN; the first name without it. Browsers look at the names alone. */
  readonly commonName?: string;
  /** An EC P-256 key, PKCS #8 in PEM, that the certificate is renewed for; a new one without it. */
  readonly key?: string;
}

/**
 * Makes a self-signed server certificate and its key, both PEM: EC P-256, which all browsers, curl and OpenSSL take;
 * ECDSA with SHA-256; the names as subjectAltName; for server authentication alone and no CA, so that whoever trusts it
 * trusts this server and nothing that it could sign.
 *
 * @throws {RangeError} for names that no certificate can carry, none or too many of them, or days out of range
 */
export async function makeServerCertificate(
  { names, days = DEFAULT_DAYS, commonName, key: known }: CertificateWishes,
): Promise<{ cert: string; key: string }> {
  const distinct = [...new Set(names.map((name) => name.toLowerCase()))];
  if (distinct.length === 0 || distinct.length > MOST_NAMES) {
    throw new RangeError(
      `Cannot make a certificate as it must have 1 to ${MOST_NAMES} names: current value is ${distinct.length}`,
    );
  }
  for (const name of distinct) {
    if (isName(name)) continue;
    throw new RangeError(`Cannot make a certificate as each name must be a host name or an IP address: '${name}'`);
  }
  if (!Number.isInteger(days) || days < 1 || days > MOST_DAYS) {
    throw new RangeError(`Cannot make a certificate as days must be from 1 to ${MOST_DAYS}: current value is ${days}`);
  }
  // loaded here: 13 MB and 0.1 s that a gateway with a certificate never needs
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = known === undefined
    ? await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as CryptoKeyPair
    : await keyPairOf(known);
  const notBefore = new Date(Math.floor((Date.now() - BACK_DATED_MS) / 1000) * 1000);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: new x509.Name([{ CN: [{ utf8String: commonNameOf(commonName ?? "", distinct[0] ?? "") }] }]),
    notBefore,
    // the last second counts as valid (RFC 5280 §4.1.2.5)
    notAfter: new Date(notBefore.getTime() + days * DAY_MS - 1000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      new x509.SubjectAlternativeNameExtension(
        distinct.map((value) => ({ type: isIP(value) === 0 ? "dns" as const : "ip" as const, value })),
      ),
    ],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    cert: `${certificate.toString("pem").trimEnd()}\n`,
    key: `${x509.PemConverter.encode(key, "PRIVATE KEY").trimEnd()}\n`,
  };
}

async function keyPairOf(pem: string): Promise<CryptoKeyPair> {
  const key = createPrivateKey(pem);
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const pkcs8 = new Uint8Array(key.export({ type: "pkcs8", format: "der" }));
  const spki = new Uint8Array(createPublicKey(key).export({ type: "spki", format: "der" }));
  return {
    privateKey: await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, true, ["sign"]),
    publicKey: await crypto.subtle.importKey("spki", spki, algorithm, true, ["verify"]),
  };
}

function isName(name: string): boolean {
  // a zone means something on this machine alone
  return isHost(name) && !name.includes("%") && name !== "0.0.0.0" && name !== "::";
}

/** X.520 allows 64 characters at most. */
function commonNameOf(wanted: string, fallback: string): string {
  const text = [...wanted.replace(/\p{Cc}|\p{Cs}/gu, "")].slice(0, 64).join("").trim();
  return text === "" ? fallback.slice(0, 64) : text;
}

/** 127 random bits, positive and of full length (RFC 5280 §4.1.2.2 allows 20 bytes). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}
