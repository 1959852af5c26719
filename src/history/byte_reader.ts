const decoder = new TextDecoder("utf-8", { fatal: true });

/** Reads what {@link import("./byte_writer.ts").ByteWriter} wrote. Throws a RangeError instead of reading past the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  /** Reads `bytes` from `start` to before `end`. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#end - this.#at;
  }

  byte(): number {
    if (this.#at >= this.#end) throw pastEnd();
    return this.#bytes[this.#at++] as number;
  }

  varint(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    let byte = bytes[at++] as number;
    if (byte < 128 && at <= this.#end) {
      this.#at = at;
      return byte;
    }
    let value = byte & 127;
    if (byte > 127) {
      byte = bytes[at++] as number;
      value |= (byte & 127) << 7;
      if (byte > 127) {
        byte = bytes[at++] as number;
        value |= (byte & 127) << 14;
        if (byte > 127) {
          byte = bytes[at++] as number;
          value |= (byte & 127) << 21;
          // from here on the value may not fit the 32 bits of bit operations
          for (let scale = 2 ** 28; byte > 127; scale *= 128) {
            if (scale > 2 ** 49) throw new RangeError("Cannot read an integer as it has more than 54 bits");
            byte = bytes[at++] as number;
            value += (byte & 127) * scale;
          }
        }
      }
    }
    if (at > this.#end) throw pastEnd();
    this.#at = at;
    return value;
  }

  zigzag(): number {
    const value = this.varint();
    if (value <= 0x7fff_ffff) return (value >>> 1) ^ -(value & 1);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  float64(): number {
    if (this.left < 8) throw pastEnd();
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  uint32(): number {
    if (this.left < 4) throw pastEnd();
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  text(): string {
    const length = this.varint();
    if (length > this.left) throw pastEnd();
    const value = decoder.decode(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return value;
  }
}

function pastEnd(): RangeError {
  return new RangeError("Cannot read on as the bytes end here");
}
