/** Longer texts are no numbers: no decoder prints so many digits. */
const MAX_LENGTH = 64;

// Optional sign; no leading zeros, as "021728031819" is an identifier; a fraction; an exponent only with its sign, as
// every printer writes one, while "6745e27566240008" is a serial number in hexadecimal.
const leadingNumber = /^([+-]?(?:(?:0|[1-9]\d*)(?:\.\d+)?|\.\d+)(?:[eE][+-]\d{1,3})?)(\s*)(.*)$/s;

// One or two words of letters and the signs that units are written with. A plain digit stands only where an exponent
// does (m3, CO2), never two together, so that "12ab34" and "0x10" are not read as 12 and 0.
const unit =
  /^(?:[\p{L}°%‰](?:[\p{L}\p{M}°%‰⁰¹²³⁴-⁹⁻₀-₉·⋅*/^.()]|(?<=[\p{L}^])[1-4](?!\d))*(?: (?=[\p{L}°%‰(])|$)){1,2}$/u;
const MAX_UNIT_LENGTH = 16;

// A number with letters behind it and no blank between can be a hexadecimal identifier ("12ab"), so of the units that
// consist of such letters only these are known.
const hexLike = /^[0-9a-fx]+$/i;
const hexLikeUnits: ReadonlySet<string> = new Set(["A", "B", "C", "F", "d", "cd", "dB", "dBA"]);

/**
 * Reads a text that is a decimal number, optionally followed by a unit: `24.59`, `30°C`, `30.11 °C`, `3.2 m3/h`.
 * Blanks around it are passed over. What the unit says is not looked at.
 *
 * Refused, because JavaScript's `Number()` or a guess would give a wrong value: the empty text and blanks (0), `0x10`
 * (16), `021728031819` (an identifier), `6745e27566240008` (Infinity), `1,5` (a decimal comma or a thousands separator),
 * `9:15`, `2022-8-3`, `NaN`, `Infinity`.
 *
 * @returns the number, ±Infinity when it is beyond a double, or `null` when the text is none
 */
export function parseNumberText(text: string): number | null {
  if (text.length > MAX_LENGTH) return null;
  const found = leadingNumber.exec(text.trim());
  if (found === null) return null;
  const [, digits = "", blank = "", rest = ""] = found;
  if (rest !== "" && !isUnit(rest, blank !== "")) return null;
  // adding 0 turns -0 into 0
  return Number(digits) + 0;
}

function isUnit(text: string, apart: boolean): boolean {
  if (text.length > MAX_UNIT_LENGTH || !unit.test(text)) return false;
  return apart || !hexLike.test(text) || hexLikeUnits.has(text);
}
