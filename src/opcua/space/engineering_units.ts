import { makeEUInformation } from "node-opcua";

/** A unit as OPC UA describes it (OPC 10000-8 §5.6.3). */
export type EngineeringUnits = ReturnType<typeof makeEUInformation>;

/**
 * UNECE Recommendation 20 common code, symbol and name, spelled as in the OPC Foundation's UNECE_to_OPCUA table: the
 * units that field devices report. A unit outside the table is served as text without a code.
 */
const units: readonly (readonly [code: string, symbol: string, name: string])[] = [
  ["CEL", "°C", "degree Celsius"],
  ["FAH", "°F", "degree Fahrenheit"],
  ["KEL", "K", "kelvin"],
  ["P1", "%", "percent"],
  ["59", "ppm", "part per million"],
  ["61", "ppb", "part per billion (US)"],
  ["PAL", "Pa", "pascal"],
  ["A97", "hPa", "hectopascal"],
  ["KPA", "kPa", "kilopascal"],
  ["MPA", "MPa", "megapascal"],
  ["BAR", "bar", "bar [unit of pressure]"],
  ["MBR", "mbar", "millibar"],
  ["VLT", "V", "volt"],
  ["2Z", "mV", "millivolt"],
  ["KVT", "kV", "kilovolt"],
  ["AMP", "A", "ampere"],
  ["4K", "mA", "milliampere"],
  ["OHM", "Ω", "ohm"],
  ["FAR", "F", "farad"],
  ["WTT", "W", "watt"],
  ["KWT", "kW", "kilowatt"],
  ["MAW", "MW", "megawatt"],
  ["D46", "V·A", "volt - ampere"],
  ["KVA", "kV·A", "kilovolt - ampere"],
  ["D44", "var", "var"],
  ["KVR", "kvar", "kilovar"],
  ["JOU", "J", "joule"],
  ["WHR", "W·h", "watt hour"],
  ["KWH", "kW·h", "kilowatt hour"],
  ["MWH", "MW·h", "megawatt hour (1000 kW.h)"],
  ["HTZ", "Hz", "hertz"],
  ["KHZ", "kHz", "kilohertz"],
  ["MHZ", "MHz", "megahertz"],
  ["RPM", "r/min", "revolutions per minute"],
  ["MMT", "mm", "millimetre"],
  ["CMT", "cm", "centimetre"],
  ["MTR", "m", "metre"],
  ["KMT", "km", "kilometre"],
  ["MTK", "m²", "square metre"],
  ["MLT", "ml", "millilitre"],
  ["LTR", "l", "litre"],
  ["CMQ", "cm³", "cubic centimetre"],
  ["MTQ", "m³", "cubic metre"],
  ["L2", "l/min", "litre per minute"],
  ["E32", "l/h", "litre per hour"],
  ["MQH", "m³/h", "cubic metre per hour"],
  ["MGM", "mg", "milligram"],
  ["GRM", "g", "gram"],
  ["KGM", "kg", "kilogram"],
  ["TNE", "t", "tonne (metric ton)"],
  ["GQ", "µg/m³", "microgram per cubic metre"],
  ["GP", "mg/m³", "milligram per cubic metre"],
  ["M1", "mg/l", "milligram per litre"],
  ["D10", "S/m", "siemens per metre"],
  ["H61", "mS/cm", "millisiemens per centimetre"],
  ["G42", "µS/cm", "microsiemens per centimetre"],
  ["MTS", "m/s", "metre per second"],
  ["KMH", "km/h", "kilometre per hour"],
  ["KNT", "kn", "knot"],
  ["MSK", "m/s²", "metre per second squared"],
  ["K40", "gn", "standard acceleration of free fall"],
  ["DD", "°", "degree [unit of angle]"],
  ["C81", "rad", "radian"],
  ["LUX", "lx", "lux"],
  ["D54", "W/m²", "watt per square metre"],
  ["2N", "dB", "decibel"],
  ["DBM", "dBm", "decibel-milliwatt"],
  ["Q30", "pH", "pH (potential of Hydrogen)"],
  ["NTU", "NTU", "nephelometric turbidity unit"],
  ["B98", "µs", "microsecond"],
  ["C26", "ms", "millisecond"],
  ["SEC", "s", "second [unit of time]"],
  ["MIN", "min", "minute [unit of time]"],
  ["HUR", "h", "hour"],
  ["DAY", "d", "day"],
  ["BQL", "Bq", "becquerel"],
  ["NEW", "N", "newton"],
  ["NU", "N·m", "newton metre"],
  ["AD", "byte", "byte"],
  ["C62", "1", "one"],
];

/** Codes above that Recommendation 20 does not have: they are served as text. */
const withoutCode = new Set(["DBM", "NTU"]);

/** Other spellings that people and device vendors write. */
const aliases: Readonly<Record<string, string>> = {
  "C": "CEL",
  "℃": "CEL",
  "degC": "CEL",
  "degF": "FAH",
  "℉": "FAH",
  "%RH": "P1",
  "% RH": "P1",
  "Wh": "WHR",
  "kWh": "KWH",
  "MWh": "MWH",
  "VA": "D46",
  "kVA": "KVA",
  "VAr": "D44",
  "kVAr": "KVR",
  "ohm": "OHM",
  "L": "LTR",
  "mL": "MLT",
  "L/min": "L2",
  "L/h": "E32",
  "m2": "MTK",
  "m3": "MTQ",
  "m3/h": "MQH",
  "ug/m3": "GQ",
  "µg/m3": "GQ",
  "μg/m³": "GQ",
  "mg/m3": "GP",
  "uS/cm": "G42",
  "μS/cm": "G42",
  "lux": "LUX",
  "deg": "DD",
  "rpm": "RPM",
  "sec": "SEC",
  "hour": "HUR",
  "W/m2": "D54",
  "m/s2": "MSK",
  "g-force": "K40",
};

const byCode = new Map(units.map((unit) => [unit[0], unit]));
const bySymbol = new Map(units.map((unit) => [unit[1], unit]));

/**
 * The unit that `metric_unit` names: a UNECE common code (`CEL`), a symbol (`°C`) or free text. Free text is served as
 * it is, with `unitId` −1: "not available" (OPC 10000-8 §5.6.3).
 */
export function engineeringUnits(text: string): EngineeringUnits {
  const found = byCode.get(text) ?? bySymbol.get(text) ?? byCode.get(aliases[text] ?? "");
  if (found === undefined) return textOnly(text, text);
  const [code, symbol, name] = found;
  return withoutCode.has(code) ? textOnly(symbol, name) : makeEUInformation(code, symbol, name);
}

function textOnly(symbol: string, name: string): EngineeringUnits {
  const unit = makeEUInformation("", symbol, name);
  unit.unitId = -1;
  // the UNECE namespace would claim a code that is not there
  unit.namespaceUri = "";
  return unit;
}
