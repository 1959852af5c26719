/** Least strength of a token that other machines can try, bits. */
export const LEAST_TOKEN_BITS = 128;

/** A word of a list of some 7,800, as passphrases are made of. */
const WORD_BITS = 12.9;
/** Characters after which a repetition is told from chance even in the shortest token that is strong enough. */
const REPEAT = 6;

/**
 * Estimates the strength of a token, bits: how hard it is to guess for somebody who knows how it was made. Random
 * characters count by the kinds that occur, repetitions not at all, words in a row as words.
 */
export function tokenBits(token: string): number {
  const words = token.split(/[-_. ]/);
  if (words.every((word) => /^[A-Z]?[a-z]+\d{0,2}$/.test(word))) {
    return Math.min(words.length * WORD_BITS, random(token));
  }
  return random(token);
}

/**
 * Whether a token or password still says what should stand there, or is one that everybody tries first. Letters' case
 * and separators do not matter.
 */
export function isWellKnown(secret: string): boolean {
  const plain = secret.toLowerCase().replace(/[^a-z0-9]/g, "");
  return /^replace|^change(me|this|it)|^your|longrandomtoken|^(put|insert|paste)/.test(plain) || wellKnown.has(plain);
}

const wellKnown: ReadonlySet<string> = new Set([
  "admin",
  "administrator",
  "chirpstacktoken",
  "controltoken",
  "default",
  "demo",
  "edgekeep",
  "geheim",
  "guest",
  "letmein",
  "opcua",
  "opcuapassword",
  "operator",
  "passwort",
  "password",
  "password1",
  "password123",
  "qwerty",
  "root",
  "scada",
  "secret",
  "secrettoken",
  "test",
  "testtoken",
  "token",
  "user",
  "user1",
  "welcome",
  "12345",
  "123456",
  "1234567",
  "12345678",
  "123456789",
  "1234567890",
]);

function random(token: string): number {
  // the hyphens of a UUID are no secret
  const hex = /^[0-9a-f-]+$/i.test(token) ? token.replaceAll("-", "") : token;
  return fresh(hex) * Math.log2(alphabet(hex));
}

/** Characters that do not go on with something that stood there before. */
function fresh(text: string): number {
  const seen = new Set<string>();
  let count = 0;
  for (let end = 1; end <= text.length; end++) {
    const tail = text.slice(Math.max(0, end - REPEAT), end);
    if (!seen.has(tail) || tail.length < REPEAT) count++;
    seen.add(tail);
  }
  return count;
}

function alphabet(text: string): number {
  if (/^[0-9]*$/.test(text)) return 10;
  if (/^([0-9a-f]*|[0-9A-F]*)$/.test(text)) return 16;
  const [lower, upper, digits] = [/[a-z]/, /[A-Z]/, /[0-9]/].map((kind) => kind.test(text));
  // a short base64 text may hold no digit by chance
  const letters = lower && upper ? 62 : (lower ? 26 : 0) + (upper ? 26 : 0) + (digits ? 10 : 0);
  return letters + (/[-_+/=.]/.test(text) ? 2 : 0) + (/[^a-zA-Z0-9_+/=.-]/.test(text) ? 30 : 0);
}
