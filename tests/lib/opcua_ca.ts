import "reflect-metadata";
import * as x509 from "@peculiar/x509";

const algorithm = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
};
const DAY_MS = 86_400_000;

/** A certificate with its key, PEM. */
export interface OpcUaPair {
  readonly cert: string;
  readonly key: string;
  /** SHA-256, upper-case hex pairs with colons. */
  readonly fingerprint: string;
  readonly serial: string;
}

/** What a certificate is made for. */
export interface PairWishes {
  readonly name: string;
  /** Application URI in the subjectAltName; a person has none. */
  readonly uri?: string;
  /** From now to its end; negative for one that has ended. */
  readonly days?: number;
  /** May issue certificates itself. */
  readonly ca?: boolean;
  /** Of the key; 2048 unless told. */
  readonly bits?: number;
}

/** An RSA CA for OPC UA clients and people, which also revokes. */
export class OpcUaCa {
  readonly pair: OpcUaPair;
  readonly #certificate: x509.X509Certificate;
  readonly #keys: CryptoKeyPair;
  readonly #revoked: string[] = [];
  #crlNumber = 0;

  private constructor(pair: OpcUaPair, certificate: x509.X509Certificate, keys: CryptoKeyPair) {
    this.pair = pair;
    this.#certificate = certificate;
    this.#keys = keys;
  }

  /** A root CA, or one below `parent`. */
  static async make(name: string, parent?: OpcUaCa): Promise<OpcUaCa> {
    const { pair, certificate, keys } = await issue({ name, ca: true, days: 100 }, parent);
    return new OpcUaCa(pair, certificate, keys);
  }

  async issue(wishes: PairWishes): Promise<OpcUaPair> {
    return (await issue(wishes, this)).pair;
  }

  revoke({ serial }: OpcUaPair): void {
    this.#revoked.push(serial);
  }

  /** The CA's revocation list as of now, PEM; `issuer` makes it claim to be another's. */
  async crl(issuer = this.#certificate.subject): Promise<string> {
    const nowMs = Date.now() + this.#crlNumber++ * 1000;
    const crl = await x509.X509CrlGenerator.create({
      issuer,
      thisUpdate: new Date(nowMs - DAY_MS),
      nextUpdate: new Date(nowMs + 30 * DAY_MS),
      signingAlgorithm: algorithm,
      signingKey: this.#keys.privateKey,
      entries: this.#revoked.map((serialNumber) => ({ serialNumber, revocationDate: new Date(nowMs - DAY_MS) })),
      extensions: [await x509.AuthorityKeyIdentifierExtension.create(this.#keys.publicKey)],
    });
    return `${crl.toString("pem")}\n`;
  }

  /** @internal */
  get issuer(): { readonly certificate: x509.X509Certificate; readonly keys: CryptoKeyPair } {
    return { certificate: this.#certificate, keys: this.#keys };
  }
}

/** A self-signed certificate of a client or a person. */
export async function selfSigned(wishes: PairWishes): Promise<OpcUaPair> {
  return (await issue(wishes)).pair;
}

/** A certificate issued by somebody who is no CA. */
export async function issuedBy({ cert, key }: OpcUaPair, wishes: PairWishes): Promise<OpcUaPair> {
  const privateKey = await crypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(key), algorithm, true, [
    "sign",
  ]);
  const certificate = new x509.X509Certificate(cert);
  const publicKey = await certificate.publicKey.export();
  return (await issue(wishes, { issuer: { certificate, keys: { privateKey, publicKey } } })).pair;
}

let lastSerial = 16;

async function issue(
  { name, uri, days = 10, ca = false, bits = algorithm.modulusLength }: PairWishes,
  parent?: { readonly issuer: { readonly certificate: x509.X509Certificate; readonly keys: CryptoKeyPair } },
) {
  const keys = await crypto.subtle.generateKey({ ...algorithm, modulusLength: bits }, true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  const signer = parent?.issuer.keys ?? keys;
  const { digitalSignature, nonRepudiation, keyEncipherment, dataEncipherment, keyCertSign, cRLSign } =
    x509.KeyUsageFlags;
  const serial = (++lastSerial).toString(16).padStart(4, "0");
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: `CN=${name}`,
    issuer: parent?.issuer.certificate.subject ?? `CN=${name}`,
    notBefore: new Date(Date.now() - 20 * DAY_MS),
    notAfter: new Date(Date.now() + days * DAY_MS),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: signer.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(ca, undefined, true),
      new x509.KeyUsagesExtension(
        ca
          ? keyCertSign | cRLSign | digitalSignature
          : digitalSignature | nonRepudiation | keyEncipherment | dataEncipherment,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey),
      ...uri === undefined ? [] : [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: "url", value: uri }, { type: "dns", value: "localhost" }]),
      ],
    ],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", certificate.rawData));
  const pair: OpcUaPair = {
    cert: `${certificate.toString("pem")}\n`,
    key: `${x509.PemConverter.encode(key, "PRIVATE KEY")}\n`,
    fingerprint: (hash.toHex().toUpperCase().match(/../g) ?? []).join(":"),
    serial,
  };
  return { pair, certificate, keys };
}
