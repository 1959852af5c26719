/** Largest certificate that is looked at, bytes. */
const MOST_BYTES = 16_384;

interface Element {
  readonly tag: number;
  /** Tag, length and content. */
  readonly whole: Uint8Array;
  readonly content: Uint8Array;
}

const tags = { boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, oid: 0x06, sequence: 0x30 } as const;
const versionTag = 0xa0;
const extensionsTag = 0xa3;

/**
 * The SubjectPublicKeyInfo of an X.509 version 3 certificate, exactly as it stands there; `null` for every certificate
 * that is not in the strict DER of RFC 5280 §4.1.
 *
 * The strictness is what makes a pin worth something. node:tls of Deno 2.9.6 lets the signature of the handshake pass
 * unchecked when its TLS library cannot parse the certificate (version 1, bad encoding): somebody who only copied the
 * pinned key into such a certificate would then count as its owner. What this function takes that library can parse.
 */
export function certificateKey(der: Uint8Array): Uint8Array | null {
  if (der.length > MOST_BYTES) return null;
  const outer = readAll(der);
  const certificate = outer?.length === 1 ? childrenOf(outer[0], tags.sequence) : null;
  if (certificate?.length !== 3) return null;
  const [tbs, algorithm, signature] = certificate;
  if (algorithm?.tag !== tags.sequence || !isWellFormed(algorithm)) return null;
  if (signature?.tag !== tags.bitString || signature.content[0] !== 0) return null;
  const fields = childrenOf(tbs, tags.sequence);
  if (fields?.length !== 8) return null;
  const [version, serial, innerAlgorithm, issuer, validity, subject, key, extensions] = fields;
  const versionNumber = childrenOf(version, versionTag);
  const [number] = versionNumber ?? [];
  if (versionNumber?.length !== 1 || number?.tag !== tags.integer || number.content.join() !== "2") return null;
  if (!isInteger(serial) || serial.content.length > 20) return null;
  for (const part of [innerAlgorithm, issuer, validity, subject, key]) {
    if (part?.tag !== tags.sequence || !isWellFormed(part)) return null;
  }
  return areExtensions(extensions) ? key?.whole ?? null : null;
}

function areExtensions(element: Element | undefined): boolean {
  const list = childrenOf(element, extensionsTag);
  const extensions = list?.length === 1 ? childrenOf(list[0], tags.sequence) : null;
  return extensions !== null && extensions.every((extension) => {
    const parts = childrenOf(extension, tags.sequence) ?? [];
    const [oid, critical] = parts;
    const value = parts.at(-1);
    if (oid?.tag !== tags.oid || value?.tag !== tags.octetString || parts.length > 3) return false;
    if (parts.length === 3 && (critical?.tag !== tags.boolean || critical.content.join() !== "255")) return false;
    const inside = readAll(value.content);
    const [first] = inside ?? [];
    return inside?.length === 1 && first !== undefined && isWellFormed(first) && first.tag === tagOfExtension(oid);
  });
}

/** Subject key identifier and key usage (RFC 5280 §4.2.1.2, §4.2.1.3) are no sequences; every other one here is. */
function tagOfExtension({ content }: Element): number {
  const id = content.join();
  return id === "85,29,14" ? tags.octetString : id === "85,29,15" ? tags.bitString : tags.sequence;
}

/** A serial number: not negative, no needless zero in front. */
function isInteger(element: Element | undefined): element is Element {
  if (element?.tag !== tags.integer) return false;
  const [first = 0x80, second = 0x80] = element.content;
  return element.content.length > 0 && first < 0x80 && (first !== 0 || element.content.length === 1 || second >= 0x80);
}

function childrenOf(element: Element | undefined, tag: number): Element[] | null {
  return element?.tag === tag ? readAll(element.content) : null;
}

/** Whether all that is nested in an element is whole, down to the leaves. */
function isWellFormed({ tag, content }: Element): boolean {
  if ((tag & 0x20) === 0) return true;
  const children = readAll(content);
  return children !== null && children.every(isWellFormed);
}

/** The elements that bytes consist of; `null` when they are not whole or a length is not in its shortest form. */
function readAll(bytes: Uint8Array): Element[] | null {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1];
    if (first === undefined || (tag & 0x1f) === 0x1f) return null;
    let length = first;
    let start = at + 2;
    if (first >= 0x80) {
      const count = first - 0x80;
      if (count === 0 || count > 2 || start + count > bytes.length) return null;
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? 0);
      if (length < (count === 1 ? 0x80 : 0x100)) return null;
      start += count;
    }
    if (start + length > bytes.length) return null;
    elements.push({ tag, whole: bytes.subarray(at, start + length), content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return elements;
}
