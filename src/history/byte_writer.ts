const encoder = new TextEncoder();

/** A growing buffer that numbers and text are appended to, little-endian. Reset and reused by its owner. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(capacity = 8192) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
  }

  /** A copy of what was written, from `start` on. */
  take(start = 0): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(start, this.#length);
  }

  /** What was written, without a copy: valid until the next write. */
  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  /** An unsigned integer up to 2^53 in groups of 7 bits, the lowest first. */
  varint(value: number): void {
    if (this.#bytes.length - this.#length < 8) this.#grow(8);
    const bytes = this.#bytes;
    let at = this.#length;
    while (value > 0x7fff_ffff) {
      // bit operations hold 32 bits only
      const rest = Math.floor(value / 128);
      bytes[at++] = (value - rest * 128) | 0x80;
      value = rest;
    }
    while (value > 127) {
      bytes[at++] = (value & 127) | 128;
      value >>>= 7;
    }
    bytes[at++] = value;
    this.#length = at;
  }

  /** A signed integer within ±2^52, small absolute values in few bytes. */
  zigzag(value: number): void {
    const small = value | 0;
    if (small === value && small < 0x4000_0000 && small >= -0x4000_0000) this.varint((small << 1) ^ (small >> 31));
    else this.varint(value >= 0 ? value * 2 : value * -2 - 1);
  }

  float64(value: number): void {
    if (this.#bytes.length - this.#length < 8) this.#grow(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  uint32(value: number): void {
    if (this.#bytes.length - this.#length < 4) this.#grow(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  /** UTF-8 with its length in bytes before it. */
  text(value: string): void {
    const bytes = encoder.encode(value);
    this.varint(bytes.length);
    if (this.#bytes.length - this.#length < bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #grow(room: number): void {
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + room));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
