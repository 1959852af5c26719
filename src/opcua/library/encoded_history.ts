import { HistoryData } from "node-opcua";

type Stream = Parameters<HistoryData["encode"]>[0];
/** Its arguments beyond the first are missing in the public type. */
interface ByteStream {
  writeArrayBuffer(buffer: ArrayBuffer, offset: number, length: number): void;
}

/**
 * The HistoryData (OPC 10000-11 §6.6.2) of an answer whose values are encoded already: sending it is a copy of bytes.
 * The library's own would keep an object for each value and encode all of them in the turn that sends the answer.
 *
 * It is recognised as a HistoryData by the schema that it inherits. `dataValues` stays empty: whoever wants to see
 * values decodes the bytes.
 */
export class EncodedHistoryData extends HistoryData {
  /** Values. */
  readonly count: number;
  readonly #parts: readonly Uint8Array<ArrayBuffer>[];

  /** @param parts the `count` encoded values, one behind the other */
  constructor(count: number, parts: readonly Uint8Array<ArrayBuffer>[]) {
    super(null as never);
    this.count = count;
    this.#parts = parts;
  }

  override encode(stream: Stream): void {
    stream.writeUInt32(this.count);
    const bytes = stream as unknown as ByteStream;
    for (const { buffer, byteOffset, byteLength } of this.#parts) {
      bytes.writeArrayBuffer(buffer, byteOffset, byteLength);
    }
  }

  override binaryStoreSize(): number {
    return this.#parts.reduce((size, { byteLength }) => size + byteLength, 4);
  }
}
