import { formatKeyPath, type KeyPath } from "./key_path.ts";

/** Where a value came from, weakest first; a key without an origin has its default. */
export type Origin = "file" | "env" | "file_reference" | "credential";

/** A parsed document that later sources write into, with the origin of every value. */
export class Layers {
  readonly document: Record<string, unknown>;
  readonly origins = new Map<string, Origin>();

  /** @param file the tables of the configuration file; they are copied */
  constructor(file: Record<string, unknown>) {
    this.document = copy(file);
    this.#note(file, []);
  }

  /** Sets a value below the tables of the path, making those that are missing. False when a value is in the way. */
  set(path: readonly string[], value: unknown, origin: Origin): boolean {
    let table = this.document;
    for (const key of path.slice(0, -1)) {
      if (!Object.hasOwn(table, key)) define(table, key, {});
      const next = table[key];
      if (!isTable(next)) return false;
      table = next;
    }
    define(table, path.at(-1) ?? "", value);
    this.origins.set(formatKeyPath(path), origin);
    return true;
  }

  /** Removes a value; answers it. */
  take(path: readonly string[]): unknown {
    const table = path.slice(0, -1).reduce<unknown>(
      (at, key) => isTable(at) && Object.hasOwn(at, key) ? at[key] : undefined,
      this.document,
    );
    const key = path.at(-1) ?? "";
    if (!isTable(table) || !Object.hasOwn(table, key)) return undefined;
    const value = table[key];
    delete table[key];
    return value;
  }

  /** The origin of a value, or of the closest key around it. */
  originOf(path: KeyPath): Origin | null {
    for (let length = path.length; length > 0; length--) {
      const origin = this.origins.get(formatKeyPath(path.slice(0, length)));
      if (origin !== undefined) return origin;
    }
    return null;
  }

  #note(value: unknown, path: KeyPath): void {
    if (isTable(value)) { for (const [key, item] of Object.entries(value)) this.#note(item, [...path, key]); }
    else if (Array.isArray(value) && value.some(isTable)) {
      value.forEach((item, entry) => this.#note(item, [...path, entry]));
    } else this.origins.set(formatKeyPath(path), "file");
  }
}

/** Whether a value of a parsed document is a table. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function copy(table: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(table)) {
    define(result, key, Array.isArray(value) ? value.map(copyItem) : copyItem(value));
  }
  return result;
}

function copyItem(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyItem);
  return isTable(value) ? copy(value) : value;
}

// A plain assignment of `__proto__` would change the table's prototype instead of adding a key.
function define(table: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(table, key, { value, enumerable: true, writable: true, configurable: true });
}
