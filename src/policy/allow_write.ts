/**
 * Whether an entry of `[runtime.remote].allow_write`, written `operation:target`, covers a change. `*` stands for any
 * characters, also for none; everything else stands for itself. A change that names no target has the empty one.
 */
export function allowsWrite(entry: string, operation: string, target: string | null): boolean {
  const colon = entry.indexOf(":");
  if (colon < 0) return false;
  return matches(entry.slice(0, colon), operation) && matches(entry.slice(colon + 1), target ?? "");
}

/** The operations that an entry of `allow_write` covers for some target. */
export function operationsOf(entry: string, operations: readonly string[]): string[] {
  const pattern = entry.slice(0, Math.max(0, entry.indexOf(":")));
  return operations.filter((operation) => matches(pattern, operation));
}

/** Goes back to the last star alone, so the work is at most pattern × text: a caller cannot make it explode. */
function matches(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let position = 0; position < text.length;) {
    if (pattern[at] === "*") {
      star = at++;
      resume = position;
    } else if (at < pattern.length && pattern[at] === text[position]) {
      at++;
      position++;
    } else if (star >= 0) {
      at = star + 1;
      position = ++resume;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
