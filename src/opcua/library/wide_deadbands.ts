import {
  DataChangeFilter,
  DataChangeTrigger,
  DataType,
  type DataValue,
  DeadbandType,
  MonitoredItem,
  type NumericRange,
  type UAVariable,
  type Variant,
} from "node-opcua";

interface Recorder {
  readonly filter: unknown;
  readonly node: UAVariable | null;
  readonly oldDataValue: DataValue;
  readonly _semantic_version: number;
  recordValue(value: DataValue, skipChangeTest?: boolean, indexRange?: NumericRange): boolean;
}

const TWO_32 = 4_294_967_296n;

let mended = false;

/**
 * Applies deadbands to 64-bit integers (OPC 10000-4 §7.22.2), which the library keeps as two words and compares word by
 * word: a step from 2^40 to 2^40 − 1 looks like one of 2^32 to it.
 */
export function mendWideDeadbands(): void {
  if (mended) return;
  mended = true;
  const prototype = MonitoredItem.prototype as unknown as Recorder;
  const { recordValue } = prototype;
  prototype.recordValue = function (this: Recorder, value, skipChangeTest, indexRange): boolean {
    const { filter } = this;
    const judged = filter === null || skipChangeTest ? null : isOutside(this, filter, value);
    if (judged === false) return false;
    return recordValue.call(this, value, judged ?? skipChangeTest, indexRange);
  };
}

/** Whether a change of a 64-bit integer is to be reported; `null` where it is not about one. */
function isOutside({ node, oldDataValue: before, _semantic_version }: Recorder, filter: unknown, value: DataValue) {
  if (!(filter instanceof DataChangeFilter) || filter.deadbandType === DeadbandType.None) return null;
  if (filter.trigger === DataChangeTrigger.Status || value.statusCode.value !== before.statusCode.value) return null;
  if (node === null || node.semantic_version !== _semantic_version) return null;
  const [from, to] = [wide(before.value), wide(value.value)];
  if (from === null || to === null) return null;
  const step = Number(to > from ? to - from : from - to);
  if (filter.deadbandType === DeadbandType.Absolute) return step > filter.deadbandValue;
  const range = (node.getPropertyByName("EURange", 0) as UAVariable | null)?.readValue().value.value as
    | { readonly low: number; readonly high: number }
    | null
    | undefined;
  return range === null || range === undefined ? null : step > filter.deadbandValue / 100 * (range.high - range.low);
}

function wide(variant: Variant | null | undefined): bigint | null {
  if (variant?.dataType !== DataType.Int64 && variant?.dataType !== DataType.UInt64) return null;
  const words: unknown = variant.value;
  if (!Array.isArray(words) || words.length !== 2 || typeof words[0] !== "number") return null;
  const unsigned = BigInt(words[0]) * TWO_32 + BigInt(words[1] as number);
  return variant.dataType === DataType.Int64 ? BigInt.asIntN(64, unsigned) : unsigned;
}
