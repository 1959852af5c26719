import { Buffer } from "node:buffer";
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { CertificateError } from "./certificate_error.ts";
import { type PemBlock, pemBlocks } from "./pem.ts";
import type { CertificateFacts } from "./server_certificate.ts";

/** The certificates' own names of curves, as people know them. */
const curves: Readonly<Record<string, string>> = {
  prime256v1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521",
};
const LEAST_RSA_BITS = 2048;

/**
 * Facts of the first certificate of a PEM text, which in a chain is the server's own (RFC 8446 §4.4.2).
 *
 * @throws {CertificateError} `no_certificate` for everything else: DER, a key, garbage
 */
export function readCertificate(pem: string): CertificateFacts {
  const certificate = leafOf(pem);
  try {
    const { subject, issuer, subjectAltName, validFrom, validTo, fingerprint256, serialNumber } = certificate;
    return {
      subject: nameText(subject),
      issuer: nameText(issuer),
      names: alternativeNames(subjectAltName),
      notBeforeUs: timeUs(validFrom),
      notAfterUs: timeUs(validTo),
      fingerprint: fingerprint256,
      serial: serialNumber,
      selfSigned: subject === issuer && signsItself(certificate),
      keyType: keyType(certificate),
    };
  } catch (error) {
    if (error instanceof CertificateError) throw error;
    throw damaged();
  }
}

/**
 * Whether the private key belongs to the first certificate. Keys may be PKCS #8, SEC 1 or PKCS #1; EC and RSA.
 *
 * @throws {CertificateError} when one of the two cannot be read
 */
export function keyMatches(certPem: string, keyPem: string): boolean {
  const certificate = leafOf(certPem);
  const key = readPrivateKey(keyPem);
  try {
    return certificate.checkPrivateKey(key);
  } catch {
    // the library throws where the kinds of key differ
    return false;
  }
}

/**
 * Makes sure that servers can use certificate and key together: both parse, belong together, and are of a kind that
 * browsers and this program's TLS take (RSA of 2048 bits or more, EC P-256 or P-384).
 *
 * @throws {CertificateError} naming what is wrong
 */
export function checkPair(certPem: string, keyPem: string): CertificateFacts {
  const facts = readCertificate(certPem);
  if (!isSuitable(facts.keyType)) {
    throw new CertificateError(
      "key_unsuitable",
      `Cannot use the certificate as its key must be RSA of ${LEAST_RSA_BITS} bits or more, EC P-256 or EC P-384: ` +
        `current value is ${facts.keyType}`,
    );
  }
  if (!keyMatches(certPem, keyPem)) {
    throw new CertificateError("key_mismatch", "Cannot use the private key as it belongs to another certificate");
  }
  return facts;
}

/** The certificates of a PEM text, and nothing else that stands in the file. Empty when it holds none. */
export function certificateBlocks(pem: string): string {
  return pemBlocks(pem).filter(isCertificate).map(({ text }) => text).join("");
}

/**
 * Reads a private key, PKCS #8, SEC 1 or PKCS #1.
 *
 * @throws {CertificateError} `no_key` or `key_encrypted`
 */
export function readPrivateKey(pem: string): KeyObject {
  const block = pemBlocks(pem).find(({ label }) => label.endsWith("PRIVATE KEY"));
  if (block === undefined) {
    throw new CertificateError("no_key", `Cannot read a private key as ${missing(pem, "PRIVATE KEY")}`);
  }
  if (block.label === "ENCRYPTED PRIVATE KEY" || block.hasHeaders) {
    throw new CertificateError(
      "key_encrypted",
      "Cannot read the private key as it asks for a pass phrase. Remove it: openssl pkey -in key.pem -out plain.pem",
    );
  }
  try {
    return createPrivateKey(block.text);
  } catch {
    // the library's message may quote what it found
    throw new CertificateError("no_key", "Cannot read the private key as its data is damaged");
  }
}

function leafOf(pem: string): X509Certificate {
  const block = pemBlocks(pem).find(isCertificate);
  if (block === undefined) {
    throw new CertificateError("no_certificate", `Cannot read a certificate as ${missing(pem, "CERTIFICATE")}`);
  }
  try {
    // the data alone: the library also takes a key or plain text behind a certificate's label
    return new X509Certificate(dataOf(block));
  } catch {
    throw damaged();
  }
}

function isCertificate({ label }: PemBlock): boolean {
  return label === "CERTIFICATE" || label === "X509 CERTIFICATE";
}

function dataOf({ text }: PemBlock): Buffer {
  return Buffer.from(text.split("\n").slice(1, -2).join(""), "base64");
}

function damaged(): CertificateError {
  return new CertificateError("no_certificate", "Cannot read the certificate as its data is damaged");
}

/** Why a text has no block of a kind, for people. */
function missing(text: string, wanted: string): string {
  if (text.trim() === "") return "the file is empty";
  const labels = pemBlocks(text).map(({ label }) => label);
  if (labels.length > 0) return `the file holds ${[...new Set(labels)].join(" and ")}, and no ${wanted}`;
  // DER begins with a SEQUENCE of a length in two bytes
  if (text.charCodeAt(0) === 0x30) return "the file is DER; convert it: openssl x509 or openssl pkey with -inform DER";
  return `the file is not PEM: it has no line -----BEGIN ${wanted}-----`;
}

/** The library puts the parts of a name on lines of their own. */
function nameText(name: string | undefined): string {
  return (name ?? "").split("\n").filter((part) => part !== "").join(",");
}

/** DNS names and addresses of `DNS:a, IP Address:1.2.3.4, email:…`. */
function alternativeNames(text: string | undefined): string[] {
  return (text ?? "").split(", ").flatMap((entry) => {
    const name = /^(?:DNS|IP Address):([\x21-\x7e]+)$/.exec(entry)?.[1];
    return name === undefined ? [] : [name];
  });
}

function timeUs(text: string): number {
  const timeMs = Date.parse(text);
  if (Number.isNaN(timeMs)) throw damaged();
  return timeMs * 1000;
}

function signsItself(certificate: X509Certificate): boolean {
  try {
    return certificate.verify(certificate.publicKey);
  } catch {
    return false;
  }
}

function keyType(certificate: X509Certificate): string {
  let key: KeyObject;
  try {
    key = certificate.publicKey;
  } catch {
    return "unknown";
  }
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa") return `RSA ${modulusLength}`;
  if (key.asymmetricKeyType === "ec") return `EC ${curves[namedCurve ?? ""] ?? namedCurve}`;
  return key.asymmetricKeyType ?? "unknown";
}

function isSuitable(type: string): boolean {
  const bits = /^RSA (\d+)$/.exec(type)?.[1];
  return bits === undefined ? type === "EC P-256" || type === "EC P-384" : Number(bits) >= LEAST_RSA_BITS;
}
