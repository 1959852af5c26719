import { formatKeyPath, type KeyPath } from "./key_path.ts";

/** A stretch of a text, as offsets; `end` is behind its last character. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A key, table or list entry that a text names, and where. */
export interface Note {
  readonly path: KeyPath;
  readonly at: number;
}

/** A table that begins with a header, or (the first one) the part of the text before any header. */
export interface Section extends Span {
  /** With the position where the header is one of a list: `application[0]`. */
  readonly path: KeyPath;
  /** Whether the header is `[[…]]`. */
  readonly many: boolean;
}

/** A value: of a key, or an entry of a list. */
export interface Entry {
  readonly path: KeyPath;
  /** Table or list that it is written in; shorter than the path's own table where the key is dotted. */
  readonly table: KeyPath;
  /** Index of the section that it stands in. */
  readonly section: number;
  /** The inline table or list around it; `null` when it stands on a line of its own. */
  readonly inside: Entry | null;
  /** Where its key begins; in a list, where the value begins. */
  readonly start: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** Everything of a TOML text that has a place, in the order of the text. */
export interface TomlScan {
  readonly notes: readonly Note[];
  readonly sections: readonly Section[];
  readonly entries: readonly Entry[];
  /** From the `#` to the end of the line. */
  readonly comments: readonly Span[];
}

/**
 * Finds where everything of a TOML text stands.
 *
 * Knows just enough TOML 1.0 to place keys and expects a text that a parser has accepted; of any other text it finds
 * what it can. Never throws.
 */
export function scanToml(text: string): TomlScan {
  return new Scanner(text).document();
}

// What ends a bare key, and what ends a bare value: a number, date or boolean.
const bareKey = /[^\s.=[\]{},#"']+/y;
const bareValue = /[^\s,\]}#]+/y;
const quotedShort = /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y;
// A multi-line string may hold up to two quotes in a row, and up to five at its end (TOML 1.0 "String").
const quotedLong = /"""(?:[^"\\]|\\[^]|"{1,2}(?!"))*"{3,5}|'''(?:[^']|'{1,2}(?!'))*'{3,5}/y;

class Scanner {
  readonly notes: Note[] = [];
  readonly sections: Section[] = [{ path: [], many: false, start: 0, end: 0 }];
  readonly entries: Entry[] = [];
  readonly comments: Span[] = [];
  /** Lists of tables made by [[headers]]: their path → entries so far. */
  readonly #lists = new Map<string, number>();
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): this {
    let table: KeyPath = [];
    for (;;) {
      this.#skipBlank();
      const sign = this.#text[this.#at];
      if (sign === undefined) return this;
      if (sign === "[") table = this.#header();
      else if (!this.#keyValue(table, null)) this.#at++;
    }
  }

  #header(): KeyPath {
    const start = this.#at;
    const many = this.#text[this.#at + 1] === "[";
    this.#at += many ? 2 : 1;
    const keys = this.#keys();
    let table: KeyPath = [];
    keys.forEach((key, position) => {
      table = [...table, key];
      this.#note(table, start);
      const list = formatKeyPath(table);
      const entries = this.#lists.get(list);
      if (many && position === keys.length - 1) {
        this.#lists.set(list, (entries ?? 0) + 1);
        table = [...table, entries ?? 0];
        this.#note(table, start);
      } else if (entries !== undefined) {
        table = [...table, entries - 1];
      }
    });
    this.#skipBlank();
    while (this.#text[this.#at] === "]") this.#at++;
    this.sections.push({ path: table, many, start, end: this.#at });
    return table;
  }

  /** Reads `key = value` and answers whether it moved on. */
  #keyValue(table: KeyPath, inside: Entry | null): boolean {
    const start = this.#at;
    let path = table;
    for (const key of this.#keys()) {
      path = [...path, key];
      this.#note(path, start);
    }
    this.#skipBlank();
    if (this.#text[this.#at] === "=") {
      this.#at++;
      this.#value(path, table, start, inside);
    }
    return this.#at > start;
  }

  /** Reads a value; `start` is where its key, or in a list the value itself, begins. */
  #value(path: KeyPath, table: KeyPath, start: number | null, inside: Entry | null): void {
    this.#skipBlank();
    const valueStart = this.#at;
    const section = this.sections.length - 1;
    const entry = { path, table, section, inside, start: start ?? valueStart, valueStart, valueEnd: valueStart };
    this.entries.push(entry);
    this.#skipValue(path, entry);
    entry.valueEnd = this.#at;
  }

  #skipValue(path: KeyPath, entry: Entry): void {
    const sign = this.#text[this.#at];
    if (sign === "[") this.#list(path, entry);
    else if (sign === "{") this.#inlineTable(path, entry);
    else if (this.#match(quotedLong) === null && this.#match(quotedShort) === null) this.#match(bareValue);
  }

  #list(path: KeyPath, inside: Entry): void {
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
      this.#note(place, start);
      this.#value(place, path, null, inside);
      if (this.#at === start) this.#at++;
    }
  }

  #inlineTable(path: KeyPath, inside: Entry): void {
    this.#at++;
    for (;;) {
      this.#skipBlank();
      const sign = this.#text[this.#at];
      if (sign === undefined) return;
      if (sign === "}") {
        this.#at++;
        return;
      }
      if (sign === "," || !this.#keyValue(path, inside)) this.#at++;
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

  #note(path: KeyPath, at: number): void {
    this.notes.push({ path, at });
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
        const start = this.#at;
        this.#at = end < 0 ? this.#text.length : end;
        this.comments.push({ start, end: this.#at });
      } else if (sign === " " || sign === "\t" || sign === "\n" || sign === "\r" || sign === "\ufeff") {
        this.#at++;
      } else return;
    }
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
