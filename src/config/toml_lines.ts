import { formatKeyPath, type KeyPath } from "./key_path.ts";

/** Where each key and list entry of a TOML text stands: key path as text → line, from 1. */
export type LineIndex = ReadonlyMap<string, number>;

/**
 * Finds the line of every key, table and list entry of a TOML text; a table or list is where it first appears.
 *
 * Knows just enough TOML 1.0 to place keys and expects a text that a parser has accepted; of any other text it indexes
 * what it can. Never throws.
 */
export function indexTomlLines(text: string): LineIndex {
  const scanner = new Scanner(text);
  scanner.document();
  return scanner.lines;
}

/** The line of a key path, or of the closest table around it; `null` when none of its keys stands in the text. */
export function lineOf(index: LineIndex, path: KeyPath): number | null {
  for (let length = path.length; length > 0; length--) {
    const line = index.get(formatKeyPath(path.slice(0, length)));
    if (line !== undefined) return line;
  }
  return null;
}

// What ends a bare key, and what ends a bare value: a number, date or boolean.
const bareKey = /[^\s.=[\]{},#"']+/y;
const bareValue = /[^\s,\]}#]+/y;
const quotedShort = /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y;
// A multi-line string may hold up to two quotes in a row, and up to five at its end (TOML 1.0 "String").
const quotedLong = /"""(?:[^"\\]|\\[^]|"{1,2}(?!"))*"{3,5}|'''(?:[^']|'{1,2}(?!'))*'{3,5}/y;

class Scanner {
  readonly lines = new Map<string, number>();
  /** Lists of tables made by [[headers]]: their path → entries so far. */
  readonly #lists = new Map<string, number>();
  readonly #text: string;
  #at = 0;
  #line = 1;
  #counted = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    let table: KeyPath = [];
    for (;;) {
      this.#skipBlank();
      const sign = this.#text[this.#at];
      if (sign === undefined) return;
      if (sign === "[") table = this.#header();
      else if (!this.#keyValue(table)) this.#at++;
    }
  }

  #header(): KeyPath {
    const line = this.#lineHere();
    const many = this.#text[this.#at + 1] === "[";
    this.#at += many ? 2 : 1;
    const keys = this.#keys();
    let table: (string | number)[] = [];
    keys.forEach((key, position) => {
      table = [...table, key];
      this.#note(table, line);
      const list = formatKeyPath(table);
      const entries = this.#lists.get(list);
      if (many && position === keys.length - 1) {
        this.#lists.set(list, (entries ?? 0) + 1);
        table.push(entries ?? 0);
        this.#note(table, line);
      } else if (entries !== undefined) {
        table.push(entries - 1);
      }
    });
    this.#skipBlank();
    while (this.#text[this.#at] === "]") this.#at++;
    return table;
  }

  /** Reads `key = value` and answers whether it moved on. */
  #keyValue(table: KeyPath): boolean {
    const start = this.#at;
    const line = this.#lineHere();
    let path = table;
    for (const key of this.#keys()) {
      path = [...path, key];
      this.#note(path, line);
    }
    this.#skipBlank();
    if (this.#text[this.#at] === "=") {
      this.#at++;
      this.#value(path);
    }
    return this.#at > start;
  }

  #value(path: KeyPath): void {
    this.#skipBlank();
    const sign = this.#text[this.#at];
    if (sign === "[") this.#list(path);
    else if (sign === "{") this.#inlineTable(path);
    else if (this.#match(quotedLong) === null && this.#match(quotedShort) === null) this.#match(bareValue);
  }

  #list(path: KeyPath): void {
    this.#at++;
    for (let entry = 0;;) {
      this.#skipBlank();
      const sign = this.#text[this.#at];
      if (sign === undefined) return;
      if (sign === "]" || sign === "}" || sign === ",") {
        this.#at++;
        if (sign === "]") return;
        continue;
      }
      const start = this.#at;
      const place = [...path, entry++];
      this.#note(place, this.#lineHere());
      this.#value(place);
      if (this.#at === start) this.#at++;
    }
  }

  #inlineTable(path: KeyPath): void {
    this.#at++;
    for (;;) {
      this.#skipBlank();
      const sign = this.#text[this.#at];
      if (sign === undefined) return;
      if (sign === "}") {
        this.#at++;
        return;
      }
      if (sign === "," || !this.#keyValue(path)) this.#at++;
    }
  }

  /** A key with its dotted parts. */
  #keys(): string[] {
    const keys: string[] = [];
    for (;;) {
      this.#skipSpace();
      const quoted = this.#match(quotedShort);
      const key = quoted === null ? this.#match(bareKey) : unquote(quoted);
      if (key === null) return keys;
      keys.push(key);
      this.#skipSpace();
      if (this.#text[this.#at] !== ".") return keys;
      this.#at++;
    }
  }

  #note(path: KeyPath, line: number): void {
    const key = formatKeyPath(path);
    if (!this.lines.has(key)) this.lines.set(key, line);
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return null;
    this.#at = pattern.lastIndex;
    return found[0];
  }

  #skipSpace(): void {
    while (this.#text[this.#at] === " " || this.#text[this.#at] === "\t") this.#at++;
  }

  /** Skips blanks, line ends and comments. */
  #skipBlank(): void {
    for (;;) {
      const sign = this.#text[this.#at];
      if (sign === "#") {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end < 0 ? this.#text.length : end;
      } else if (sign === " " || sign === "\t" || sign === "\n" || sign === "\r" || sign === "\ufeff") {
        this.#at++;
      } else return;
    }
  }

  #lineHere(): number {
    for (; this.#counted < this.#at; this.#counted++) {
      if (this.#text[this.#counted] === "\n") this.#line++;
    }
    return this.#line;
  }
}

// Escapes of a basic string (TOML 1.0 "String"); \e and \xHH are those of TOML 1.1.
const escapes: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r", e: "\x1b" };

function unquote(quoted: string): string {
  const inner = quoted.slice(1, -1);
  if (quoted.startsWith("'")) return inner;
  return inner.replace(
    /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([^]))/g,
    (_, short, long, byte, sign) => {
      if (sign !== undefined) return escapes[sign] ?? sign;
      const point = parseInt(short ?? long ?? byte, 16);
      return point > 0x10ffff ? "\ufffd" : String.fromCodePoint(point);
    },
  );
}
