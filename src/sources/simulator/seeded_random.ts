/** A sequence of numbers, uniform in [0, 1), as `Math.random`. */
export type Random = () => number;

/** FNV-1a over the UTF-16 units of a text: the same text gives the same 32-bit seed on every machine. */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

/** Mulberry32: small, fast and good enough for weather; the same seed gives the same sequence. */
export function seededRandom(seed: number | string): Random {
  let state = typeof seed === "string" ? seedOf(seed) : seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A UUID in the form of version 4, drawn from `random`. */
export function uuidFrom(random: Random): string {
  const [first, second, third, fourth] = [hex32(random), hex32(random), hex32(random), hex32(random)];
  const variant = "89ab"[Math.floor(random() * 4)];
  return `${first}-${second.slice(0, 4)}-4${second.slice(5)}-${variant}${third.slice(1, 4)}-${third.slice(4)}${fourth}`;
}

function hex32(random: Random): string {
  return Math.floor(random() * 4_294_967_296).toString(16).padStart(8, "0");
}
