import type { MeasurementKind } from "../device_template.ts";

/** What the key of a value says about it. */
export type KeyMeaning =
  | "time"
  | "constant"
  | "counter"
  | "temperature"
  | "humidity"
  | "battery_voltage"
  | "percent"
  | "coordinate"
  | "reading";

const timeKey = /timestamp|^DATE$|utc_time/i;
const constantKey =
  /id$|index|version|ver$|serial|^sn$|port|code|^mod$|token|^fw$|ratio|frameCounter|err$|status|state|bytes|multiplier|interval|reason|alarm|failure|detect|error|timer|tdc|raw$|member|ext$|class|type|target|setpoint|region_count|number/i;
const counterKey =
  /count(er)?(_|$|s$|all|val)|_count|total|meter|volume|energy|pulse|times$|electricity|gas|^H[CP]H[CP]$|^E[AR]P?[+-]?P?(-1)?_s$/i;
const temperatureKey = /temp/i;
const humidityKey = /hum/i;
const batteryKey = /bat|volt$/i;
const percentKey = /bat|opening|openness|position/i;
const coordinateKey = /^(gps)?(lat|lon)|latitude|longitude|coordinate/i;

/**
 * Reads a key of a decoded object. The number decides where a key alone does not: 93 as `battery` is a percentage and
 * 3.6 a voltage.
 */
export function meaningOf(key: string, value: number): KeyMeaning {
  const whole = Number.isInteger(value);
  if (timeKey.test(key)) return "time";
  if (constantKey.test(key)) return "constant";
  if (temperatureKey.test(key)) return "temperature";
  if (humidityKey.test(key)) return "humidity";
  if (coordinateKey.test(key)) return "coordinate";
  if (batteryKey.test(key) && !whole) return "battery_voltage";
  if (percentKey.test(key) && whole && value <= 100) return "percent";
  if (whole && value > 0 && counterKey.test(key)) return "counter";
  return "reading";
}

/** How ChirpStack's administrator would have a number of that meaning aggregated. */
export function kindOf(meaning: KeyMeaning, key: string): MeasurementKind {
  if (meaning === "counter") return "counter";
  // movements since the last frame: the device counts from 0 each time
  return key === "motion" ? "absolute" : "gauge";
}

/** What people call a key, and its unit, where the key alone would puzzle them. */
const wellKnown: Readonly<Record<string, readonly [name: string, unit?: string]>> = {
  "battery": ["Battery", "%"],
  "batteryLevel": ["Battery", "%"],
  "BatV": ["Battery voltage", "V"],
  "batV": ["Battery voltage", "V"],
  "BAT_V": ["Battery voltage", "V"],
  "batteryVoltage": ["Battery voltage", "V"],
  "battery_voltage": ["Battery voltage", "V"],
  "Volt": ["Battery voltage", "V"],
  "Hum_SHT": ["Humidity", "%"],
  "TempC_SHT": ["Temperature", "°C"],
  "TempC_DS": ["Probe temperature", "°C"],
  "Temp_Channel1": ["Temperature 1", "°C"],
  "Temp_Channel2": ["Temperature 2", "°C"],
  "co2": ["CO2", "ppm"],
  "tvoc": ["TVOC", "ppb"],
  "pressure": ["Pressure", "hPa"],
  "pm1_0": ["PM1.0", "µg/m³"],
  "pm2_5": ["PM2.5", "µg/m³"],
  "pm10": ["PM10", "µg/m³"],
  "PM10": ["PM10", "µg/m³"],
  "light": ["Light", "lx"],
  "DOOR_OPEN_STATUS": ["Door open"],
  "DOOR_OPEN_TIMES": ["Door openings"],
  "LAST_DOOR_OPEN_DURATION": ["Last opening", "min"],
  "ACI1_mA": ["Current input 1", "mA"],
  "ACI2_mA": ["Current input 2", "mA"],
  "AVI1_V": ["Voltage input 1", "V"],
  "AVI2_V": ["Voltage input 2", "V"],
  "current_chn1": ["Current", "A"],
  "current_chn1_min": ["Current minimum", "A"],
  "current_chn1_max": ["Current maximum", "A"],
  "Current1": ["Current 1", "mA"],
  "Current2": ["Current 2", "mA"],
  "Current3": ["Current 3", "mA"],
  "PAPP": ["Apparent power"],
  "HCHC": ["Energy off-peak"],
  "HCHP": ["Energy peak"],
  "IINST": ["Current"],
  "IMAX": ["Current maximum"],
  "ISOUSC": ["Subscribed current"],
  "MeterReading": ["Meter reading"],
  "current_volume_m3": ["Volume", "m³"],
  "log_volume_m3": ["Logged volume", "m³"],
  "valve_opening": ["Valve opening", "%"],
  "valveOpenness": ["Valve opening", "%"],
  "Current_Valve_Position": ["Valve position", "%"],
  "speedKmph": ["Speed", "km/h"],
  "headingDeg": ["Heading", "°"],
};

/** A name and a unit for a key: `people_counter_all` → `People counter all`. */
export function nameOf(key: string): readonly [name: string, unit?: string] {
  const known = wellKnown[key];
  if (known !== undefined) return known;
  const words = key.replace(/[_$/]+/g, " ").trim()
    .replace(/([a-z])([A-Z])/g, (_all, low: string, up: string) => `${low} ${up.toLowerCase()}`);
  return [words.charAt(0).toUpperCase() + words.slice(1)];
}
