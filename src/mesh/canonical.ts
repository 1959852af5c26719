import canonicalize from "canonicalize";
import { maxDepth } from "./constants.ts";
import { MeshError } from "./mesh_error.ts";

/** What a signed text may hold: no null, no fraction, no negative number. */
export type JsonValue = string | number | boolean | JsonValue[] | { [member: string]: JsonValue };

/**
 * The RFC 8785 text of a value. Members that are `undefined` count as absent.
 *
 * @throws MeshError `E_FORM` for anything else than objects, arrays, well-formed strings, booleans and integers
 *   0…2^53−1, and for more than {@link maxDepth} levels
 */
export function canonicalText(value: unknown): string {
  // RFC 8785 is what JSON.stringify writes when the members already stand in order, as those of a received text do.
  const text = checkValue(value, 1) ? JSON.stringify(value) : canonicalize(value);
  if (text === undefined) throw new MeshError("E_FORM", "Nothing to write");
  return text;
}

/**
 * Reads a text that has to be the RFC 8785 form of an object, byte for byte: so there is no second text for what was
 * signed, no member twice, no white space and no second spelling of a number or a string.
 *
 * @param maxBytes most bytes of UTF-8; checked first
 * @throws MeshError `E_SIZE`, `E_FORM`
 */
export function parseCanonical(text: string, maxBytes: number): Record<string, JsonValue> {
  if (utf8LongerThan(text, maxBytes)) {
    throw new MeshError("E_SIZE", `Larger than the ${maxBytes} bytes that it may have`);
  }
  // Before parsing: a text of brackets alone would become 40 times its size in memory.
  checkDepth(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MeshError("E_FORM", "Not JSON");
  }
  if (!isObject(value)) throw new MeshError("E_FORM", "Not a JSON object");
  if (canonicalText(value) !== text) throw new MeshError("E_FORM", "Not in canonical form (RFC 8785)");
  return value;
}

function isObject(value: unknown): value is Record<string, JsonValue> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function utf8LongerThan(text: string, maxBytes: number): boolean {
  // A UTF-16 unit takes one to three bytes: most texts need no counting.
  return text.length > maxBytes || (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes);
}

function checkDepth(text: string): void {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === 0x22) index = endOfString(text, index);
    else if (unit === 0x7b || unit === 0x5b) { // { [
      if (++depth > maxDepth) throw new MeshError("E_FORM", `Nested more than ${maxDepth} levels deep`);
    } else if (unit === 0x7d || unit === 0x5d) depth--; // } ]
  }
}

/** Index of the quote that ends the string that begins at another; the text's length when there is none. */
function endOfString(text: string, start: number): number {
  let end = start;
  let escapes = 0;
  do {
    end = text.indexOf('"', end + 1);
    if (end < 0) return text.length;
    for (escapes = 0; text.charCodeAt(end - 1 - escapes) === 0x5c;) escapes++;
  } while (escapes % 2 === 1);
  return end;
}

/** Refuses what no signed text may hold; tells whether all members stand in the order of RFC 8785. */
function checkValue(value: unknown, depth: number): boolean {
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new MeshError("E_FORM", "A string with half a surrogate pair");
    return true;
  }
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) {
      throw new MeshError("E_FORM", "A number that is not an integer from 0 to 2^53−1");
    }
    return true;
  }
  if (typeof value === "boolean") return true;
  if (typeof value !== "object" || value === null) {
    throw new MeshError("E_FORM", "A value that is neither object, array, string, boolean nor integer");
  }
  if (depth > maxDepth) throw new MeshError("E_FORM", `Nested more than ${maxDepth} levels deep`);
  let inOrder = true;
  if (Array.isArray(value)) {
    for (const item of value) inOrder = checkValue(item, depth + 1) && inOrder;
    return inOrder;
  }
  const members = value as Readonly<Record<string, unknown>>;
  let last = "";
  for (const name of Object.keys(members)) {
    const member = members[name];
    if (member === undefined) continue;
    checkName(name);
    // Names of digits come first in JavaScript, whatever the order they were written in.
    if (name < last || isDigit(name.charCodeAt(0))) inOrder = false;
    last = name;
    inOrder = checkValue(member, depth + 1) && inOrder;
  }
  return inOrder;
}

function checkName(name: string): void {
  if (!name.isWellFormed()) throw new MeshError("E_FORM", "A member's name with half a surrogate pair");
  // Half of the tools that copy an object would set its prototype instead.
  if (name === "__proto__") throw new MeshError("E_FORM", "A member named __proto__");
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}
