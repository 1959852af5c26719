import { strictEqual, throws } from "node:assert/strict";
import { likePattern } from "./like_pattern.ts";

Deno.test("a pattern matches as the operator Like does", () => {
  for (
    const [pattern, text, matches] of [
      ["%", "", true],
      ["%", "Tank1.Level", true],
      ["Tank%", "Tank1.Level", true],
      ["Tank_.Level", "Tank1.Level", true],
      ["Tank_.Level", "Tank12.Level", false],
      ["%Level", "Tank1.Level", true],
      ["tank%", "Tank1", false],
      ["Tank[1-3]", "Tank2", true],
      ["Tank[1-3]", "Tank4", false],
      ["Tank[^13]", "Tank2", true],
      ["Tank[^13]", "Tank3", false],
      ["Tank[a-]", "Tank-", true],
      ["50\\%", "50%", true],
      ["50\\%", "500", false],
      ["", "", true],
      ["", "a", false],
      ["a%b%c", "a1b2b3c", true],
      ["\\", "\\", true],
    ] as const
  ) {
    strictEqual(likePattern(pattern)(text), matches, `${pattern} on ${text}`);
  }
});

Deno.test("a list that is not closed is refused, and a hostile pattern takes its time linearly", () => {
  throws(() => likePattern("Tank[1"), SyntaxError);
  strictEqual(likePattern("%a".repeat(200) + "b")("a".repeat(5000)), false);
});
