// Stands in for node:crypto where the packaging check runs on Deno 2.4: its RSA functions take keys as PEM text only.
import { Buffer } from "node:buffer";
import * as native from "node:crypto";

export * from "node:crypto";
export default native.default;

/** @type {typeof native.privateDecrypt} */
export const privateDecrypt = (options, data) => native.privateDecrypt(withText(options, "pkcs8"), data);

/** @type {typeof native.publicEncrypt} */
export const publicEncrypt = (options, data) => native.publicEncrypt(withText(options, "spki"), data);

// these are declared there, and throw
native.X509Certificate.prototype.checkPrivateKey = function (key) {
  const format = { format: "der", type: "spki" };
  return native.createPublicKey(key).export(format).equals(this.publicKey.export(format));
};

// only decide whether a new certificate is offered
native.X509Certificate.prototype.checkHost = (name) => name;
native.X509Certificate.prototype.checkIP = (address) => address;

/** There, `raw` and `checkIssued` are declared, and throw. */
export class X509Certificate extends native.X509Certificate {
  #der;

  constructor(data) {
    super(data);
    const text = Buffer.from(data).toString("latin1");
    const block = /-----BEGIN CERTIFICATE-----([^-]*)-----END/.exec(text)?.[1];
    this.#der = block === undefined ? Buffer.from(data) : Buffer.from(block, "base64");
  }

  get raw() {
    return this.#der;
  }

  checkIssued(other) {
    return this.issuer === other.subject;
  }
}

function withText(options, type) {
  const key = options.key ?? options;
  const text = key instanceof native.KeyObject ? key.export({ format: "pem", type }) : key;
  return options.key === undefined ? text : { ...options, key: text };
}
