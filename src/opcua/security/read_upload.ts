import { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";
import { CertificateRefused, type ListedCertificate, type ListedCrl } from "../../operations/client_certificates.ts";
import { pemBlocks } from "../../tls/pem.ts";
import { readCertificate } from "../../tls/read_certificate.ts";
import { derLength } from "../library/client_chains.ts";

/** Largest certificate, bytes: real ones have 1 to 4 kB. */
export const LARGEST_CERTIFICATE_BYTES = 65_536;
/** Largest revocation list, bytes: some 15,000 entries. */
export const LARGEST_CRL_BYTES = 524_288;

/** A certificate with what lists show of it. */
export interface ReadCertificate {
  readonly facts: ListedCertificate;
  readonly certificate: X509Certificate;
  readonly der: Uint8Array;
}

/** A revocation list with what lists show of it. */
export interface ReadCrl {
  readonly facts: ListedCrl;
  readonly der: Uint8Array;
  /** Whether it is the certificate's own: in its name, and signed by its key. */
  signedBy(issuer: X509Certificate): Promise<boolean>;
}

/**
 * Reads one certificate, PEM or DER.
 *
 * @throws {CertificateRefused} when it is none, several, or too large
 */
export function readCertificateUpload(data: Uint8Array): ReadCertificate {
  const der = single(data, ["CERTIFICATE", "X509 CERTIFICATE"], "certificate", LARGEST_CERTIFICATE_BYTES);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(Buffer.from(der));
  } catch {
    throw new CertificateRefused("Cannot read the certificate as its data is damaged");
  }
  return { facts: factsOf(certificate), certificate, der: new Uint8Array(certificate.raw) };
}

/** What lists show of a certificate. */
export function factsOf(certificate: X509Certificate): ListedCertificate {
  const { subject, issuer, names, notBeforeUs, notAfterUs, fingerprint } = readCertificate(certificate.toString());
  const uris = [...(certificate.subjectAltName ?? "").matchAll(/(?:^|, )URI:([\x21-\x7e]+?)(?=,|$)/g)]
    .map(([, uri = ""]) => uri);
  return { subject, issuer, names: [...uris, ...names], notBeforeUs, notAfterUs, fingerprint };
}

/**
 * Reads one revocation list, PEM or DER.
 *
 * @throws {CertificateRefused} when it is none, several, or too large
 */
export async function readCrlUpload(data: Uint8Array): Promise<ReadCrl> {
  const given = single(data, ["X509 CRL", "CRL"], "revocation list", LARGEST_CRL_BYTES);
  // what stands behind the list would be stored with it
  const der = given.subarray(0, derLength(given));
  // loaded here: 13 MB that a gateway without lists never needs
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  try {
    const crl = new x509.X509Crl(der as Uint8Array<ArrayBuffer>);
    return {
      facts: {
        issuer: crl.issuer,
        revoked: crl.entries.length,
        thisUpdateUs: crl.thisUpdate.getTime() * 1000,
        nextUpdateUs: crl.nextUpdate === undefined ? null : crl.nextUpdate.getTime() * 1000,
        fingerprint: fingerprintOf(der),
      },
      der,
      async signedBy({ raw }) {
        const issuer = new x509.X509Certificate(new Uint8Array(raw));
        return issuer.subject === crl.issuer && await crl.verify({ publicKey: issuer }).catch(() => false);
      },
    };
  } catch {
    throw new CertificateRefused("Cannot read the revocation list as its data is damaged");
  }
}

/** SHA-256 in upper-case hex pairs with colons. */
export function fingerprintOf(der: Uint8Array): string {
  return (createHash("sha256").update(der).digest("hex").toUpperCase().match(/../g) ?? []).join(":");
}

/**
 * Refuses a PEM text with a private key in it, as whoever pasted it should know that it has left its place.
 *
 * @throws {CertificateRefused}
 */
export function refusePrivateKey(pem: string, what: string): void {
  if (!/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(pem)) return;
  throw new CertificateRefused(
    `Cannot take the ${what} as the text holds a private key, which is not kept here. Give the ${what} alone, and ` +
      "replace the key if others could have seen it",
  );
}

/** The DER form of the only block, or of data that is DER already. */
function single(data: Uint8Array, labels: readonly string[], what: string, most: number): Uint8Array {
  // base64 and line ends make PEM a third larger
  if (data.length > most * 1.4) {
    throw new CertificateRefused(`Cannot take a ${what} of more than ${most} bytes: current value is ${data.length}`);
  }
  if (data[0] === 0x30) return data;
  const text = new TextDecoder().decode(data);
  refusePrivateKey(text, what);
  const blocks = pemBlocks(text);
  const fitting = blocks.filter(({ label }) => labels.includes(label));
  if (fitting.length !== 1) {
    const found = blocks.length === 0 ? "nothing in PEM form" : blocks.map(({ label }) => label).join(" and ");
    throw new CertificateRefused(`Cannot read a ${what} as exactly one is wanted, PEM or DER: found ${found}`);
  }
  return Buffer.from((fitting[0]?.text ?? "").split("\n").slice(1, -2).join(""), "base64");
}
