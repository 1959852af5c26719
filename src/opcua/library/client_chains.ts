import { Buffer } from "node:buffer";
import { AsymmetricAlgorithmSecurityHeader, MessageBuilder } from "node-opcua";

interface Emitter {
  emit(event: string, ...values: unknown[]): boolean;
}

const chains = new WeakMap<Uint8Array, Uint8Array>();
let patched = false;

/**
 * Takes clients that send the certificates of their issuers behind their own (OPC 10000-6 §6.2.3). The library asks the
 * runtime for the public key of the whole chain, which Deno refuses, and so does not open the channel. From here on it
 * sees the client's own certificate; {@link chainOf} has the chain.
 */
export function takeClientChains(): void {
  if (patched) return;
  patched = true;
  const prototype = MessageBuilder.prototype as unknown as Emitter;
  const emit = prototype.emit;
  prototype.emit = function (this: Emitter, event, ...values) {
    const header = event === "message" ? values[2] : undefined;
    if (header instanceof AsymmetricAlgorithmSecurityHeader && header.senderCertificate) {
      const chain = header.senderCertificate;
      const length = derLength(chain);
      if (length < chain.length) {
        const leaf = Buffer.from(chain.subarray(0, length));
        chains.set(leaf, chain);
        header.senderCertificate = leaf;
      }
    }
    return emit.call(this, event, ...values);
  };
}

/** The chain that a client's certificate came with, which is itself when it came alone. */
export function chainOf(certificate: Uint8Array): Uint8Array {
  return chains.get(certificate) ?? certificate;
}

/** Bytes of the DER element at the start: its tag, its length in one to five bytes, its content (X.690 §8.1.3). */
export function derLength(data: Uint8Array): number {
  const first = data[1] ?? 0;
  if (first < 0x80) return 2 + first;
  const bytes = first & 0x7f;
  let length = 0;
  for (let i = 0; i < Math.min(4, bytes); i++) length = length * 256 + (data[2 + i] ?? 0);
  return 2 + bytes + length;
}
