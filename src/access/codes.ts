/** The 32 characters of codes that people type: none of 0 O 1 I, which look like others. */
export const codeAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/**
 * A code of `groups` groups of four characters, 5 bits each: `XXXX-XXXX`.
 *
 * @param random gives so many random bytes
 */
export function makeCode(groups: number, random: (bytes: number) => Uint8Array): string {
  // 256 is a multiple of 32: each character is equally likely
  const characters = Array.from(random(groups * 4), (byte) => codeAlphabet.charAt(byte % codeAlphabet.length));
  return Array.from({ length: groups }, (_, i) => characters.slice(i * 4, i * 4 + 4).join("")).join("-");
}

/**
 * The characters of a code as somebody typed it: upper case, without dashes and blanks; a 1 or I can only be a misread L.
 * Bounded; may be no code at all.
 */
export function normaliseCode(text: string): string {
  return text.slice(0, 64).replace(/[\s\-–—]/g, "").toUpperCase().replace(/[1I]/g, "L");
}
