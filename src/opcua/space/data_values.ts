import { DataType, DataValue, StatusCodes, Variant } from "node-opcua";
import { Quality, type QualityCode } from "../../tags/quality.ts";
import type { DataTypeName, Sample, Value } from "../../tags/tag.ts";
import { statusCodeOf } from "./status_codes.ts";

const TWO_32 = 4_294_967_296;

/** The OPC UA built-in type behind each configured `data_type`. */
export const builtInType: Readonly<Record<DataTypeName, DataType>> = {
  Boolean: DataType.Boolean,
  Int16: DataType.Int16,
  UInt16: DataType.UInt16,
  Int32: DataType.Int32,
  UInt32: DataType.UInt32,
  Int64: DataType.Int64,
  Float: DataType.Float,
  Double: DataType.Double,
  String: DataType.String,
};

const limits: Partial<Record<DataTypeName, readonly [low: number, high: number]>> = {
  Int16: [-32_768, 32_767],
  UInt16: [0, 65_535],
  Int32: [-2_147_483_648, 2_147_483_647],
  UInt32: [0, 4_294_967_295],
  Int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

/** A 64-bit integer as node-opcua carries it: high and low word of the two's complement, both unsigned. */
export type Int64Words = [high: number, low: number];

/** Splits an integer within ±2^53 into the two words of an Int64. */
export function int64Words(value: number): Int64Words {
  const high = Math.floor(value / TWO_32);
  return [high >>> 0, value - high * TWO_32];
}

/**
 * The value in the form that node-opcua encodes for `dataType`, or `undefined` when the type cannot hold it: a number
 * outside an integer type's range, or text that is no number. Fractions are rounded when the type is an integer.
 */
export function encodable(value: Exclude<Value, null>, dataType: DataTypeName): unknown {
  switch (dataType) {
    case "Boolean":
      return typeof value === "string" ? undefined : value === true || (value !== false && value !== 0);
    case "String":
      return typeof value === "string" ? value : String(value);
    case "Float":
    case "Double":
      return typeof value === "number" ? value : numberOf(value);
    default: {
      const exact = typeof value === "number" ? value : numberOf(value);
      if (exact === undefined) return undefined;
      const whole = Number.isInteger(exact) ? exact : Math.round(exact);
      const [low, high] = limits[dataType] ?? [0, 0];
      if (!(whole >= low && whole <= high)) return undefined;
      return dataType === "Int64" ? int64Words(whole) : whole;
    }
  }
}

function numberOf(value: boolean | number | string): number | undefined {
  if (typeof value === "boolean") return value ? 1 : 0;
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : NaN;
  return Number.isNaN(number) ? undefined : number;
}

/** A scalar variant, built without the checks of the library's constructor: this is the path of every sample. */
export function scalar(dataType: DataType, value: unknown): Variant {
  const variant = new Variant(null);
  variant.dataType = dataType;
  variant.value = value;
  return variant;
}

/** Picoseconds (as node-opcua counts them: 10^-12 s) that a Date of whole milliseconds leaves out of a time in µs. */
export function picosecondsOf(timeUs: number): number {
  return (timeUs % 1000) * 1_000_000;
}

/**
 * A sample as an OPC UA DataValue with value, status and both times.
 * A value that `dataType` cannot hold is left out and the status says so (`BadOutOfRange`), unless it is bad already.
 */
export function dataValueOf(sample: Sample, dataType: DataTypeName): DataValue {
  return dataValue(sample.value, sample.quality, sample.sourceTimeUs, sample.serverTimeUs, dataType);
}

/** {@link dataValueOf} from loose columns. A time of 0 is left out. */
export function dataValue(
  value: Value,
  quality: QualityCode,
  sourceTimeUs: number,
  serverTimeUs: number,
  dataType: DataTypeName,
): DataValue {
  const result = new DataValue(null);
  result.statusCode = quality === Quality.Good ? StatusCodes.Good : statusCodeOf(quality);
  if (value !== null) {
    const encoded = encodable(value, dataType);
    if (encoded !== undefined) result.value = scalar(builtInType[dataType], encoded);
    else if (quality >>> 30 < 2) result.statusCode = statusCodeOf(Quality.BadOutOfRange);
  }
  if (sourceTimeUs > 0) {
    result.sourceTimestamp = new Date(Math.floor(sourceTimeUs / 1000));
    result.sourcePicoseconds = picosecondsOf(sourceTimeUs);
  }
  if (serverTimeUs > 0) {
    result.serverTimestamp = new Date(Math.floor(serverTimeUs / 1000));
    result.serverPicoseconds = picosecondsOf(serverTimeUs);
  }
  return result;
}
