const MAX_USER_NAME = 64;
const MAX_TEXT = 200;

/**
 * A user name as a client sent it, safe for a log line: control characters (and the Unicode marks that reorder or break
 * lines) escaped, at most 64 characters.
 */
export function sanitiseUserName(name: string): string {
  return sanitiseText(name, MAX_USER_NAME);
}

/** Text that a client had a part in, as {@link sanitiseUserName} with a length of its own. */
export function sanitiseText(words: string, most = MAX_TEXT): string {
  let text = "";
  let length = 0;
  for (const character of words) {
    if (length++ === most) break;
    text += /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(character)
      ? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
      : character;
  }
  return text;
}
