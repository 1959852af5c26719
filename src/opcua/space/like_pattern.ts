import { matchesWildcards } from "../../tags/wildcards.ts";

/** One character of a pattern: whether it takes a character of the text. `null` stands for any characters, also none. */
type Token = ((character: string) => boolean) | null;

/**
 * What the operator Like of OPC UA matches (OPC 10000-4 §7.7.3, table 119): `%` any characters, `_` one, `[abc]`,
 * `[a-f]` and `[^a]` one of a list, `\` takes the next character as it is. Takes at most |text| × |pattern| steps.
 *
 * @throws {SyntaxError} when a list is not closed
 */
export function likePattern(pattern: string): (text: string) => boolean {
  const tokens = [...tokensOf([...pattern])];
  const takes = (place: number, character: string) => tokens[place]?.(character) ?? false;
  const wildcards = { length: tokens.length, isAny: (place: number) => tokens[place] === null, takes };
  return (text) => matchesWildcards(wildcards, [...text]);
}

function* tokensOf(pattern: readonly string[]): Generator<Token> {
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i] ?? "";
    if (character === "%") yield null;
    else if (character === "_") yield () => true;
    else if (character === "[") {
      const end = pattern.indexOf("]", i + 1);
      if (end < 0) throw new SyntaxError("Cannot search as a list in the pattern has no closing bracket");
      yield oneOf(pattern.slice(i + 1, end));
      i = end;
    } else {
      const exact = character === "\\" ? pattern[++i] ?? "\\" : character;
      yield (other) => other === exact;
    }
  }
}

function oneOf(list: readonly string[]): (character: string) => boolean {
  const negated = list[0] === "^";
  const items = negated ? list.slice(1) : list;
  const ranges: [low: string, high: string][] = [];
  for (let i = 0; i < items.length; i++) {
    const low = items[i] ?? "";
    const high = items[i + 1] === "-" ? items[i + 2] : undefined;
    ranges.push([low, high ?? low]);
    if (high !== undefined) i += 2;
  }
  return (character) => ranges.some(([low, high]) => character >= low && character <= high) !== negated;
}
