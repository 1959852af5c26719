import type { QualityCode } from "../../tags/quality.ts";
import type { DataTypeName, Value } from "../../tags/tag.ts";
import { dataValue } from "./data_values.ts";
import type { LiveVariable } from "../library/library_internals.ts";

/** What a variable is to show: a tag, or one entry of a batch. */
export interface LiveSample {
  readonly value: Value;
  readonly quality: QualityCode;
  readonly sourceTimeUs: number;
  readonly serverTimeUs: number;
}

/**
 * Gives a variable its next value and tells those who monitor it.
 *
 * Not by `setValueFromSource`: that clones the old value, compares and converts, all of which the tag store has done.
 */
export function setLiveValue(variable: LiveVariable, sample: LiveSample, dataType: DataTypeName): void {
  const { value, quality, sourceTimeUs, serverTimeUs } = sample;
  variable.$dataValue = dataValue(value, quality, sourceTimeUs, serverTimeUs, dataType);
  // monitored items keep and change what they are given
  if (variable.listenerCount("value_changed") > 0) variable.emit("value_changed", variable.$dataValue.clone());
}
