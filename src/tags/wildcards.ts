/** What a pattern is made of, by the place in it. */
export interface WildcardPattern {
  readonly length: number;
  /** Whether any characters, also none, fit there. */
  readonly isAny: (place: number) => boolean;
  /** Whether the one character fits there. */
  readonly takes: (place: number, character: string) => boolean;
}

/**
 * Whether a text fits a pattern as a whole. Takes at most |text| × |pattern| steps, so a hostile pattern cannot stop the
 * program.
 */
export function matchesWildcards({ length, isAny, takes }: WildcardPattern, text: ArrayLike<string>): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (p < length && isAny(p)) {
      star = p++;
      resume = t;
    } else if (p < length && takes(p, text[t] ?? "")) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < length && isAny(p)) p++;
  return p === length;
}
