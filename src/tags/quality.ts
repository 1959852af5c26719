/**
 * The OPC UA status codes (OPC 10000-4 §7.38, values from OPC 10000-6 annex A) that a tag can carry. A quality is always
 * one of these 32-bit numbers, in memory, in SQLite, in the API and on the OPC UA wire, so nothing is ever translated.
 */
export const Quality = {
  Good: 0x00000000,
  /** Good, InfoType DataValue, HistorianBits Calculated (OPC 10000-11 §6.2): an aggregate that a source computed. */
  GoodCalculated: 0x00000401,
  /** Good, but a person put the value in place of the field's: it was forced. */
  GoodLocalOverride: 0x00960000,
  UncertainLastUsableValue: 0x40900000,
  UncertainEngineeringUnitsExceeded: 0x40940000,
  BadDecodingError: 0x80070000,
  BadNoCommunication: 0x80310000,
  BadWaitingForInitialData: 0x80320000,
  BadOutOfRange: 0x803c0000,
  BadConfigurationError: 0x80890000,
  BadSensorFailure: 0x808c0000,
  BadOutOfService: 0x808d0000,
} as const;

/** A 32-bit OPC UA StatusCode, 0 to 0xFFFFFFFF. */
export type QualityCode = number;

/** The two severity bits of a status code (OPC 10000-4 §7.38.1). */
export type Severity = "good" | "uncertain" | "bad";

/** The severity that the two top bits of `code` name. The reserved pattern 11 counts as bad. */
export function severityOf(code: QualityCode): Severity {
  const bits = code >>> 30;
  return bits === 0 ? "good" : bits === 1 ? "uncertain" : "bad";
}

const names = new Map<number, string>(Object.entries(Quality).map(([name, code]) => [code, name]));

/** The standard's name of a status code, or its hexadecimal form when this program never sets it. */
export function qualityName(code: QualityCode): string {
  return names.get(code >>> 0) ?? `0x${(code >>> 0).toString(16).padStart(8, "0")}`;
}

const causes: Record<number, string> = {
  [Quality.Good]: "The value is current",
  [Quality.GoodCalculated]: "The value is an aggregate computed by the source",
  [Quality.GoodLocalOverride]: "Somebody forced the value: it is not the field's",
  [Quality.UncertainLastUsableValue]: "No new value for longer than expected: this is the last one received",
  [Quality.UncertainEngineeringUnitsExceeded]: "The value lies outside the configured range",
  [Quality.BadDecodingError]:
    "The device sent something that does not fit the configured type: the last good value is kept",
  [Quality.BadNoCommunication]: "Nothing has been heard for so long that the last value is no longer usable",
  [Quality.BadWaitingForInitialData]: "No value has been received yet",
  [Quality.BadOutOfRange]: "The number is too large to be kept exactly",
  [Quality.BadConfigurationError]: "The tag's configuration cannot be applied to what the device sends",
  [Quality.BadSensorFailure]: "The device reports that its sensor has failed",
  [Quality.BadOutOfService]: "The tag is switched off in the configuration",
};

/** One sentence in words for a person who asks why a value is not good. */
export function qualityCause(code: QualityCode): string {
  return causes[code >>> 0] ?? `Status ${qualityName(code)}`;
}
