/** Tables within tables that a configuration's text may have; the schema has six. */
export const MAX_TOML_DEPTH = 32;

/**
 * Whether a TOML text nests deeper than `most`: by brackets, braces and the dots of a key together. Finding the places of
 * such a text takes memory by the square of its depth. Of a text that is no TOML it says something, and never throws.
 */
export function nestsDeeper(text: string, most = MAX_TOML_DEPTH): boolean {
  const around: number[] = [];
  let base = 0;
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const sign = text.charAt(at);
    if (sign === '"' || sign === "'" || sign === "#") {
      at = (sign === "#" ? lineEnd(text, at) : quotedEnd(text, at, sign)) - 1;
    } else if (sign === ".") dots++;
    else if (sign === "[" || sign === "{") {
      around.push(base);
      base += dots + 1;
      dots = 0;
    } else if (sign === "]" || sign === "}") {
      base = around.pop() ?? 0;
      dots = 0;
    } else if (sign === "\n" || sign === ",") dots = 0;
    if (base + dots > most) return true;
  }
  return false;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

/** Behind the quote that ends what begins here; a text on one line ends with the line at the latest. */
function quotedEnd(text: string, start: number, quote: string): number {
  const marks = text.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
  for (let at = start + marks.length; at < text.length; at++) {
    const sign = text.charAt(at);
    if (sign === "\\" && quote === '"') at++;
    else if (sign === "\n" && marks === quote) return at;
    else if (sign === quote && text.startsWith(marks, at)) {
      let end = at + marks.length;
      // up to two quotes right before the three that end it belong to the text (TOML 1.0 "String")
      while (marks !== quote && end < at + 5 && text[end] === quote) end++;
      return end;
    }
  }
  return text.length;
}
