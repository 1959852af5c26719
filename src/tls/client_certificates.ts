import { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { pemBlocks } from "./pem.ts";

const MOST_VOUCHED = 1000;

/** Client certificates that were verified, by the connection that proved to hold the key. */
const verified = new WeakMap<object, string>();

/**
 * SHA-256 of the client certificate that a TLS connection has proved to hold, as upper-case hex pairs with colons; `null`
 * when it has none that comes from the CA and is valid, or none was asked for.
 *
 * @param socket the TLS connection, as the `socket` of a request
 */
export function verifiedFingerprint(socket: object): string | null {
  return verified.get(socket) ?? null;
}

/**
 * Judges the client certificates of one listener. The TLS library verifies them in a full handshake; a session that a
 * client resumes (RFC 8446 §2.2) brings the old verdict back, also when the CA has been withdrawn or the certificate has
 * ended meanwhile. So those are looked at again here.
 */
export class ClientCertificates {
  #clientCa: string | null;
  /** Certificates that a full handshake verified against the CA of now. */
  readonly #vouched = new Set<string>();

  constructor(clientCa: string | null) {
    this.#clientCa = clientCa;
  }

  /** From now on another CA counts. True when it is another one; connections from before must be cut then. */
  replaceCa(clientCa: string | null): boolean {
    if (clientCa === this.#clientCa) return false;
    this.#clientCa = clientCa;
    this.#vouched.clear();
    return true;
  }

  /** Notes what a connection has proved, at the end of its handshake. */
  note(socket: TLSSocket): void {
    // `authorized` is also true where no certificate was asked for or came
    if (this.#clientCa === null || !socket.authorized) return;
    const { raw } = socket.getPeerCertificate();
    if (raw === undefined) return;
    const certificate = new X509Certificate(raw);
    const fingerprint = certificate.fingerprint256;
    if (!socket.isSessionReused()) {
      if (this.#vouched.size >= MOST_VOUCHED) this.#vouched.clear();
      this.#vouched.add(fingerprint);
    } else if (
      !isValidNow(certificate) || !(this.#vouched.has(fingerprint) || isIssuedBy(certificate, this.#clientCa))
    ) {
      return;
    }
    verified.set(socket, fingerprint);
  }
}

function isValidNow({ validFrom, validTo }: X509Certificate): boolean {
  const nowMs = Date.now();
  return Date.parse(validFrom) <= nowMs && nowMs <= Date.parse(validTo);
}

/** Whether one of the CAs signed the certificate itself, without another in between. */
function isIssuedBy(certificate: X509Certificate, authorities: string): boolean {
  return pemBlocks(authorities).some(({ text }) => {
    try {
      const authority = new X509Certificate(text);
      return certificate.issuer === authority.subject && certificate.verify(authority.publicKey);
    } catch {
      // a CA of a kind of key that cannot be read vouches for nobody
      return false;
    }
  });
}
