const MAX_USER_NAME = 64;

/**
 * A user name as a client sent it, safe for a log line: control characters (and the Unicode marks that reorder or break
 * lines) escaped, at most 64 characters.
 */
export function sanitiseUserName(name: string): string {
  let text = "";
  let length = 0;
  for (const character of name) {
    if (length++ === MAX_USER_NAME) break;
    text += /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(character)
      ? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
      : character;
  }
  return text;
}
