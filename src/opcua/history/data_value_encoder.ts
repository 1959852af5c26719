import { DataType, TimestampsToReturn } from "node-opcua";
import type { RawPage } from "../../history/history.ts";
import { Quality, type QualityCode } from "../../tags/quality.ts";
import type { DataTypeName, Value } from "../../tags/tag.ts";
import { EncodedHistoryData } from "../library/encoded_history.ts";
import { builtInType, encodable, type Int64Words } from "../space/data_values.ts";
import { statusCodeOf } from "../space/status_codes.ts";

/** Values by column, as history hands them over; NaN stands for no value. All columns have `count` entries. */
export type ValueColumns = Pick<RawPage, "count" | "timesUs" | "serverTimesUs" | "qualities" | "values">;

/** What the values of an answer are: a type that variables have, or a status code. */
export type EncodedType = DataTypeName | "StatusCode";

/** Bytes of a part; parts keep a page from being copied while it grows. */
const PART_BYTES = 262_144;
/** Mask, type, number of 8 bytes, status and two times: the most that a value takes which is no text. */
const MOST_BYTES = 1 + 1 + 8 + 4 + 8 + 8;
/** Begin of OPC UA's time, 1601, before that of ours, ms. */
const EPOCH_MS = 11_644_473_600_000;
const TWO_12 = 4096;
const TWO_20 = 1_048_576;
const TWO_32 = 4_294_967_296;

/** Bits of the encoding mask. The bits of picoseconds are never set: a µs is a whole number of 100 ns. */
const Mask = { Value: 0x01, Status: 0x02, SourceTime: 0x04, ServerTime: 0x08 } as const;

const utf8 = new TextEncoder();

/**
 * Encodes values one by one as DataValues (OPC 10000-6 §5.2.2.17), byte for byte as the library encodes
 * `dataValue(...)`, without an object for any of them.
 *
 * A value that the type cannot hold is left out and the status says so (`BadOutOfRange`), unless it is bad already. A time
 * of 0 is left out.
 */
export class DataValueEncoder {
  readonly #type: EncodedType;
  readonly #typeByte: number;
  readonly #source: boolean;
  readonly #server: boolean;
  readonly #full: Uint8Array<ArrayBuffer>[] = [];
  #part: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #offset = 0;
  #count = 0;
  #bytes = 0;

  /** @param expected values that will follow, as a hint */
  constructor(type: EncodedType, timestamps: TimestampsToReturn, expected: number) {
    this.#type = type;
    this.#typeByte = type === "StatusCode" ? DataType.StatusCode : builtInType[type];
    this.#source = timestamps !== TimestampsToReturn.Server;
    this.#server = timestamps !== TimestampsToReturn.Source;
    this.#part = new Uint8Array(Math.min(PART_BYTES, (expected + 1) * MOST_BYTES));
    this.#view = new DataView(this.#part.buffer);
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes + this.#offset;
  }

  /** Adds rows `from` up to but without `to`, or fewer: it ends with the value that takes it to `maxBytes`. */
  addRows(columns: ValueColumns, from: number, to: number, maxBytes: number): number {
    const { timesUs, serverTimesUs, qualities, values } = columns;
    let row = from;
    while (row < to && this.bytes < maxBytes) {
      const value = values[row] ?? null;
      const known = typeof value === "number" && Number.isNaN(value) ? null : value;
      this.add(known, qualities[row] ?? 0, timesUs[row] ?? 0, serverTimesUs[row] ?? 0);
      row++;
    }
    return row - from;
  }

  /** Adds a value; times in µs. */
  add(value: Value, quality: QualityCode, sourceUs: number, serverUs: number): void {
    const text = typeof value === "string" && this.#type === "String" ? value.length * 3 : 32;
    this.#reserve(MOST_BYTES + text);
    const maskAt = this.#offset++;
    let status = quality;
    let mask = 0;
    if (value !== null) {
      if (this.#writeVariant(value)) mask = Mask.Value;
      else if (quality >>> 30 < 2) status = Quality.BadOutOfRange;
    }
    if (status !== Quality.Good) {
      mask |= Mask.Status;
      this.#view.setUint32(this.#offset, statusCodeOf(status).value, true);
      this.#offset += 4;
    }
    if (this.#source && sourceUs > 0) {
      mask |= Mask.SourceTime;
      this.#writeTime(sourceUs);
    }
    if (this.#server && serverUs > 0) {
      mask |= Mask.ServerTime;
      this.#writeTime(serverUs);
    }
    this.#part[maskAt] = mask;
    this.#count++;
  }

  /** Everything that was added. Nothing may be added any more. */
  finish(): EncodedHistoryData {
    return new EncodedHistoryData(this.#count, [...this.#full, this.#part.subarray(0, this.#offset)]);
  }

  #reserve(bytes: number): void {
    if (this.#offset + bytes <= this.#part.length) return;
    this.#full.push(this.#part.subarray(0, this.#offset));
    this.#bytes += this.#offset;
    this.#part = new Uint8Array(Math.max(PART_BYTES, bytes));
    this.#view = new DataView(this.#part.buffer);
    this.#offset = 0;
  }

  /** False when the type cannot hold the value; nothing is written then. */
  #writeVariant(value: Exclude<Value, null>): boolean {
    if (this.#type === "StatusCode") {
      if (typeof value !== "number") return false;
      this.#part[this.#offset] = this.#typeByte;
      this.#view.setUint32(this.#offset + 1, statusCodeOf(value).value, true);
      this.#offset += 5;
      return true;
    }
    const encoded = encodable(value, this.#type);
    if (encoded === undefined) return false;
    this.#part[this.#offset++] = this.#typeByte;
    this.#offset += this.#writeBody(encoded, this.#type);
    return true;
  }

  /** The number of bytes written. */
  #writeBody(encoded: unknown, type: DataTypeName): number {
    const view = this.#view;
    const at = this.#offset;
    switch (type) {
      case "Boolean":
        view.setUint8(at, encoded ? 1 : 0);
        return 1;
      case "Int16":
      case "UInt16":
        view.setUint16(at, encoded as number, true);
        return 2;
      case "Int32":
      case "UInt32":
        view.setUint32(at, encoded as number, true);
        return 4;
      case "Int64": {
        const [high, low] = encoded as Int64Words;
        view.setUint32(at, low, true);
        view.setUint32(at + 4, high, true);
        return 8;
      }
      case "Float":
        view.setFloat32(at, encoded as number, true);
        return 4;
      case "Double":
        view.setFloat64(at, encoded as number, true);
        return 8;
      case "String": {
        const { written } = utf8.encodeInto(encoded as string, this.#part.subarray(at + 4));
        view.setUint32(at, written, true);
        return 4 + written;
      }
    }
  }

  /** 100 ns since 1601 in 64 bits, from two halves that a number holds exactly. */
  #writeTime(timeUs: number): void {
    const ms = Math.floor(timeUs / 1000);
    const sinceMs = ms + EPOCH_MS;
    const upper = Math.floor(sinceMs / TWO_20);
    const scaled = upper * 10_000;
    const top = Math.floor(scaled / TWO_12);
    // what is left of the upper half, the lower half, and the µs
    const rest = (scaled - top * TWO_12) * TWO_20 + (sinceMs - upper * TWO_20) * 10_000 +
      Math.floor((timeUs - ms * 1000) * 10);
    const carry = Math.floor(rest / TWO_32);
    this.#view.setUint32(this.#offset, rest - carry * TWO_32, true);
    this.#view.setUint32(this.#offset + 4, top + carry, true);
    this.#offset += 8;
  }
}
