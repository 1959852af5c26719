import { matchesWildcards } from "./wildcards.ts";

/**
 * Whether `text` matches a pattern in which `*` stands for any characters (also none) and `?` for one. Takes at most
 * |text| × |pattern| steps, so a hostile pattern cannot stop the program.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  return matchesWildcards({
    length: pattern.length,
    isAny: (place) => pattern[place] === "*",
    takes: (place, character) => pattern[place] === "?" || pattern[place] === character,
  }, text);
}
