/** Names that take a value from the frame or the device's record instead of the decoded object. */
export const reservedNames = [
  "$rssi",
  "$snr",
  "$dr",
  "$fcnt",
  "$fport",
  "$battery",
  "$margin",
  "$lastSeen",
] as const;

/** One of {@link reservedNames}. */
export type ReservedName = (typeof reservedNames)[number];

/** A place in a decoded object: keys as text, positions in lists as numbers from 0. Starts with a key. */
export interface ObjectPath {
  readonly kind: "object";
  readonly segments: readonly [string, ...(string | number)[]];
}

/** Where a metric finds its value (`chirpstack_metric_name`). */
export type ValuePath = ObjectPath | { readonly kind: "reserved"; readonly name: ReservedName };

/** A text that is no path, with the position of the first wrong character, from 0. */
export class ValuePathError extends SyntaxError {
  override readonly name = "ValuePathError";
  readonly position: number;

  constructor(reason: string, position: number) {
    super(`Cannot read the path at character ${position + 1} as ${reason}`);
    this.position = position;
  }
}

// A key that needs no quotes: what cannot be mistaken for the path's own signs, blanks or control characters.
const bareKey = /[^.[\]"'\\\s\p{Cc}]+/uy;
const index = /\[(0|[1-9]\d{0,5})\]/y;
// A JSON string (RFC 8259 §7) in brackets.
const quotedKey = /\[("(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")\]/uy;

/**
 * Reads a path: `temperature`, `channels[2].value`, `["Battery Status"].level`, or a reserved `$name`.
 *
 * A key without quotes holds no blank, quote, backslash, dot or bracket and does not start the path with `$`; any key
 * can stand in brackets as a JSON string. Positions count from 0, at most six digits.
 *
 * @throws {ValuePathError} if the text is no such path
 */
export function parseValuePath(text: string): ValuePath {
  if (text.startsWith("$")) {
    const name = reservedNames.find((candidate) => candidate === text);
    if (name !== undefined) return { kind: "reserved", name };
    throw new ValuePathError(`only ${reservedNames.join(" ")} may start with '$'; quote other keys: ["$key"]`, 0);
  }
  const first = bareAt(text, 0) ?? quotedAt(text, 0);
  if (first === null) throw new ValuePathError('a path starts with a key, as temperature or ["Battery Status"]', 0);
  const segments: [string, ...(string | number)[]] = [first.segment];
  let at = first.end;
  while (at < text.length) {
    const sign = text[at];
    const next = sign === "." ? bareAt(text, at + 1) : sign === "[" ? indexAt(text, at) ?? quotedAt(text, at) : null;
    if (next === null) throw new ValuePathError(problem(sign), at);
    segments.push(next.segment);
    at = next.end;
  }
  return { kind: "object", segments };
}

/**
 * What stands at the path in a decoded object, or `undefined` when the path leads nowhere. A key is looked up only
 * among an object's own keys, a position only in a list. Never throws.
 */
export function readValuePath(path: ObjectPath, object: unknown): unknown {
  let current = object;
  for (const segment of path.segments) {
    if (typeof current !== "object" || current === null) return undefined;
    if (Array.isArray(current) !== (typeof segment === "number") || !Object.hasOwn(current, segment)) return undefined;
    current = (current as Record<string | number, unknown>)[segment];
  }
  return current;
}

/** The shortest text that {@link parseValuePath} reads as this path; equal paths give equal texts. */
export function formatValuePath(path: ValuePath): string {
  if (path.kind === "reserved") return path.name;
  return path.segments.map((segment, position) => {
    if (typeof segment === "number") return `[${segment}]`;
    if (bareAt(segment, 0)?.end !== segment.length || (position === 0 && segment.startsWith("$"))) {
      return `[${quote(segment)}]`;
    }
    return position === 0 ? segment : `.${segment}`;
  }).join("");
}

interface Piece<T> {
  readonly segment: T;
  readonly end: number;
}

function bareAt(text: string, at: number): Piece<string> | null {
  bareKey.lastIndex = at;
  const found = bareKey.exec(text);
  return found === null ? null : { segment: found[0], end: bareKey.lastIndex };
}

function indexAt(text: string, at: number): Piece<number> | null {
  index.lastIndex = at;
  const found = index.exec(text);
  return found === null ? null : { segment: Number(found[1]), end: index.lastIndex };
}

function quotedAt(text: string, at: number): Piece<string> | null {
  quotedKey.lastIndex = at;
  const found = quotedKey.exec(text);
  return found === null ? null : { segment: JSON.parse(found[1] ?? '""'), end: quotedKey.lastIndex };
}

// JSON.stringify leaves DEL and the C1 control characters as they are; in a path they are escaped.
function quote(key: string): string {
  return JSON.stringify(key).replace(
    /\p{Cc}/gu,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function problem(sign: string | undefined): string {
  switch (sign) {
    case ".":
      return 'a key must follow the dot; quote a key with blanks or signs: ["Battery Status"]';
    case "[":
      return 'brackets hold a position from 0 or a key in double quotes: [2] or ["Battery Status"]';
    default:
      return 'a dot, a bracket or the end is expected; quote a key with blanks or signs: ["Battery Status"]';
  }
}
