import { JWT_PATTERN } from "@logtape/redaction";

/** What stands where a secret was. */
export const redacted = "***";

/** Names of fields whose value never reaches a log, whatever it is. */
export const secretFieldPatterns: readonly RegExp[] = [
  /pass(?:code|phrase|word|wd)/i,
  /secret/i,
  /token/i,
  /authorization/i,
  /credential/i,
  /cookie/i,
  /(?:api|app|nwk|network|join|session|private|shared|encryption|enc|int|access)[-_ ]?(?:s|e|enc)?[-_ ]?key/i,
];

/** Shorter secrets are left to the field names: replacing every "1" in a log hides the log, not the secret. */
const shortestSecret = 4;
/** Least length of an encoded form, so that a short secret's base64 does not match by accident. */
const shortestEncoding = 6;

const fieldName = String
  .raw`[\w.-]*(?:pass(?:code|phrase|word|wd)|secret|token|api[-_]?key|authorization|credential)\w*`;

/** Shapes that are secrets wherever they stand, each with what takes its place. */
const secretShapes: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g, redacted],
  [/\b(bearer|basic)\s+[\w.~+/=-]{4,}/gi, `$1 ${redacted}`],
  [JWT_PATTERN.pattern, redacted],
  // RFC 3986 §3.2.1: user information in a URL
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@?#]*):[^\s/@?#]+@/gi, `$1:${redacted}@`],
  // "token": "value" as JSON has it
  [
    new RegExp(String.raw`(["'])(${fieldName})\1\s*:\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')`, "gi"),
    `$1$2$1:"${redacted}"`,
  ],
  // token=value as queries and command lines have it
  [new RegExp(String.raw`\b(${fieldName})=(?:"[^"]*"|'[^']*'|[^\s,;&)}\]"']+)`, "gi"), `$1=${redacted}`],
  // token: value as headers have it; a value of letters alone is prose ("the API token: refused")
  [new RegExp(String.raw`\b(${fieldName}):\s*(?![A-Za-z]*(?:[\s,;.)]|$))[^\s,;&)}\]"']{4,}`, "gi"), `$1: ${redacted}`],
];

/** Takes secrets out of texts and values before they reach a log. */
export interface Redactor {
  /** The text without secrets. */
  text(text: string): string;
  /** The value as plain JSON without secrets; bounded in depth and in entries. Runs no code of the value but getters. */
  value(value: unknown): unknown;
}

/** How much of a value a log record holds. */
const limits = { depth: 8, entries: 200 };

/**
 * A redactor that knows the exact `secrets` of the configuration, also inside base64, percent-encoded, hexadecimal and
 * JSON text, besides the names and shapes that give a secret away.
 */
export function createRedactor(secrets: readonly string[] = []): Redactor {
  const forms = new Set(secrets.filter((secret) => secret.length >= shortestSecret).flatMap(encodedForms));
  const exact = forms.size === 0
    ? null
    : new RegExp([...forms].toSorted((a, b) => b.length - a.length).map(RegExp.escape).join("|"), "g");

  function text(input: string): string {
    let output = exact === null ? input : input.replace(exact, redacted);
    for (const [shape, replacement] of secretShapes) output = output.replace(shape, replacement);
    return output;
  }
  return { text, value: (input) => plain(input, text, limits.depth, new Set()) };
}

/** Whether a field of this name holds a secret. */
export function isSecretField(name: string): boolean {
  return secretFieldPatterns.some((pattern) => pattern.test(name));
}

/** The texts in which a secret may appear. */
function encodedForms(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const percent = encodeURIComponent(secret);
  const forms = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    percent,
    percent.replaceAll("%20", "+"),
    percent.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
  ];
  const encodings = [hex, hex.toUpperCase(), ...base64Cores(bytes)];
  return [...forms, ...encodings.filter((form) => form.length >= shortestEncoding)];
}

/**
 * The base64 characters that the secret alone decides, for each of the three ways it can lie in a longer input, as in
 * the `user:password` of an Authorization header.
 */
function base64Cores(bytes: Uint8Array): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const input = new Uint8Array(offset + bytes.length);
    input.set(bytes, offset);
    const first = Math.ceil(offset * 8 / 6);
    const end = Math.floor(input.length * 8 / 6);
    const core = btoa(String.fromCharCode(...input)).slice(first, end);
    return [core, core.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

function plain(value: unknown, text: (text: string) => string, depth: number, above: Set<object>): unknown {
  switch (typeof value) {
    case "string":
      return text(value);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
    case "symbol":
      return text(String(value));
    case "function":
      return `[function ${value.name}]`;
    case "object":
      break;
    default:
      return value;
  }
  if (value === null) return null;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[invalid date]" : value.toISOString();
  if (value instanceof URL || value instanceof RegExp) return text(String(value));
  if (above.has(value)) return "[circular]";
  if (depth === 0) return "[deeper]";
  const inside = new Set(above).add(value);
  const next = (item: unknown) => plain(item, text, depth - 1, inside);
  if (Array.isArray(value) || value instanceof Set) return bounded([...value].map((item) => () => next(item)));
  const result: Record<string, unknown> = {};
  for (const [key, read] of fields(value).slice(0, limits.entries)) {
    result[text(key)] = readField(key, read, next);
  }
  return result;
}

function bounded(items: readonly (() => unknown)[]): unknown[] {
  const kept = items.slice(0, limits.entries).map((item) => item());
  return items.length > limits.entries ? [...kept, `[${items.length - limits.entries} more]`] : kept;
}

function readField(key: string, read: () => unknown, next: (item: unknown) => unknown): unknown {
  try {
    const item = read();
    if (item === undefined || item === null || typeof item === "boolean") return item;
    return isSecretField(key) ? redacted : next(item);
  } catch {
    return "[unreadable]";
  }
}

/** The fields worth a record: of a map its entries, of an error also what is not enumerable. */
function fields(value: object): [string, () => unknown][] {
  if (value instanceof Map) return [...value].map(([key, item]) => [String(key), () => item]);
  const own = Object.keys(value);
  const names = value instanceof Error
    ? new Set(["name", "message", "stack", ...["cause", "errors"].filter((name) => name in value), ...own])
    : own;
  return [...names].map((name) => [name, () => Reflect.get(value, name)]);
}
