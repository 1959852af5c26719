import { Problem } from "./problem.ts";

/**
 * A cursor is opaque to callers: base64url of a JSON array whose first entry names the list it belongs to, so that a
 * cursor of one list is refused by another.
 */
export function makeCursor(list: string, ...position: readonly (string | number)[]): string {
  const bytes = new TextEncoder().encode(JSON.stringify([list, ...position]));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The position that {@link makeCursor} was given for this list. Throws a {@link Problem} when it is another's or none. */
export function readCursor(list: string, cursor: string): (string | number)[] {
  try {
    const binary = atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(binary, (c) => c.charCodeAt(0)));
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed) && parsed[0] === list) {
      const position: unknown[] = parsed.slice(1);
      if (position.every((part) => typeof part === "string" || Number.isSafeInteger(part))) {
        return position as (string | number)[];
      }
    }
  } catch {
    // the refusal below says all that a caller can use
  }
  throw new Problem(400, "bad_cursor", "The cursor is not one that this list gave out", {
    field: "cursor",
    fix: "Take 'next' of the page before, unchanged and with the same other parameters, or leave the cursor out",
  });
}
