import { createHmac, randomBytes } from "node:crypto";
import { parse } from "smol-toml";
import { isSecretField } from "../telemetry/redact.ts";
import { maskedValue } from "./config_diff.ts";
import { formatKeyPath, type KeyPath } from "./key_path.ts";
import { nodeAt } from "./schema_tree.ts";
import { isPlaceholder, secretPaths } from "./secrets.ts";
import { type Entry, scanToml, type TomlScan } from "./toml_scan.ts";

/** A text that holds a mask which cannot be put back; the message names the key and no value. */
export class MaskError extends Error {
  override readonly name = "MaskError";
}

/** What a mask stands for. */
interface Hidden {
  /** Names of the key's path, or `#` for a comment: a mask is put back there alone. */
  readonly context: string;
  readonly raw: string;
  /** Whether it stands for the whole value with its quotes. */
  readonly whole: boolean;
}

/** A stretch of a text with what it becomes. */
interface Change {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const marker = /\*\*\*kept:([0-9a-f]{16})\*\*\*/g;
const commentContext = "#";
/** Shorter secrets are masked at their keys alone: hiding every "demo" hides the file. */
const shortestAnywhere = 6;
/** Different secrets remembered; the oldest go first. */
const mostHidden = 1000;

/**
 * Hides the secrets of a configuration's text and puts them back: a masked text that comes back unchanged is the text
 * that it was made from. Each mask names its secret by a keyed digest that means nothing outside this object, and is put
 * back only at the key that it was taken from, so that nobody can move a secret to a key that is shown.
 */
export class SecretMask {
  readonly #key = randomBytes(32);
  readonly #hidden = new Map<string, Hidden>();

  /** A name of the text that tells nothing about it; it differs from one object to the next. */
  etag(text: string): string {
    return createHmac("sha256", this.#key).update("etag\0").update(text).digest("hex").slice(0, 32);
  }

  /**
   * The text without secrets: the values of secret keys, also in comments, and the `known` secrets wherever they stand
   * in values and comments.
   */
  mask(text: string, known: readonly string[]): string {
    if (!isToml(text)) return maskLines(text, known);
    const scan = scanToml(text);
    const changes: Change[] = [];
    for (const entry of scan.entries) {
      if (!isSecretKey(entry.path) || isWithin(changes, entry)) continue;
      const raw = text.slice(entry.valueStart, entry.valueEnd);
      if (isPlaceholder(raw) || raw === '""') continue;
      const hidden = this.#hide(contextOf(entry.path), raw, true);
      changes.push({ start: entry.valueStart, end: entry.valueEnd, text: `"${hidden}"` });
    }
    for (const { start, end } of scan.comments) {
      const shown = secretInComment(text.slice(start, end));
      if (shown === null) continue;
      const from = start + shown.start;
      changes.push({ start: from, end, text: this.#hide(commentContext, text.slice(from, end), false) });
    }
    for (const secret of known) {
      if (secret.length < shortestAnywhere) continue;
      for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + secret.length)) {
        const context = placeOf(scan, at);
        const end = at + secret.length;
        if (context === null || changes.some((change) => at < change.end && end > change.start)) continue;
        changes.push({ start: at, end, text: this.#hide(context, secret, false) });
      }
    }
    return applied(text, changes);
  }

  /**
   * The text with the secrets that its masks stand for.
   *
   * @throws {MaskError} for a mask that is not known here (any more), or stands where it was not taken from
   */
  unmask(text: string): string {
    const scan = scanToml(text);
    const changes: Change[] = [];
    for (const found of text.matchAll(marker)) {
      const context = placeOf(scan, found.index);
      const hidden = this.#hidden.get(found[1] ?? "");
      if (hidden === undefined) {
        throw new MaskError(
          `Cannot put the masked secret${
            at(context)
          } back as it is not known here any more: read the configuration again`,
        );
      }
      if (hidden.context !== context) {
        throw new MaskError(
          `Cannot put the masked secret of ${hidden.context} at${
            at(context)
          } as it was not taken from there: write the value itself`,
        );
      }
      const end = found.index + found[0].length;
      if (hidden.whole) {
        const whole = text[found.index - 1] === text[end] && /["']/.test(text[end] ?? "");
        if (!whole) throw new MaskError(`Cannot use a part of a masked secret${at(context)}: write the whole value`);
        changes.push({ start: found.index - 1, end: end + 1, text: hidden.raw });
      } else changes.push({ start: found.index, end, text: hidden.raw });
    }
    const bare = scan.entries.find(({ path, valueStart, valueEnd }) =>
      isSecretKey(path) && text.slice(valueStart, valueEnd) === maskedValue
    );
    if (bare !== undefined) {
      throw new MaskError(
        `Cannot set ${formatKeyPath(bare.path)} to *** as that only stands for a secret: write the value`,
      );
    }
    return applied(text, changes);
  }

  #hide(context: string, raw: string, whole: boolean): string {
    const id = createHmac("sha256", this.#key).update(`${context}\0${whole}\0${raw}`).digest("hex").slice(0, 16);
    // known again is newest again
    this.#hidden.delete(id);
    this.#hidden.set(id, { context, raw, whole });
    const oldest = this.#hidden.keys().next().value;
    if (this.#hidden.size > mostHidden && oldest !== undefined) this.#hidden.delete(oldest);
    return `***kept:${id}***`;
  }
}

/** Whether a value as a text writes it is the mask of a whole secret, and nothing else. */
export function isKeptSecret(raw: string): boolean {
  return /^(["'])\*\*\*kept:[0-9a-f]{16}\*\*\*\1$/.test(raw);
}

function at(context: string | null): string {
  return context === null ? "" : context === commentContext ? " in a comment" : ` ${context}`;
}

function isToml(text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether the schema calls it a secret, or, where the schema does not know it, its name does. */
function isSecretKey(path: KeyPath): boolean {
  const names = path.filter((segment) => typeof segment === "string");
  const node = nodeAt(names);
  if (node !== null) return node.kind === "value" && node.secret;
  return names.some((name) => isSecretField(name) && !name.endsWith("_file"));
}

function isWithin(changes: readonly Change[], entry: Entry): boolean {
  return changes.some(({ start, end }) => start <= entry.valueStart && entry.valueEnd <= end);
}

/** Where in a comment a secret key's value begins: `#api_token = "…"`. */
function secretInComment(comment: string): { readonly start: number } | null {
  const start = secretValueIn(comment);
  if (start === null) return null;
  const value = comment.slice(start);
  return value === "" || isPlaceholder(value) || value.startsWith("***") ? null : { start };
}

/** Where in a line the value of the first secret key begins, wherever the key stands in it. */
function secretValueIn(line: string): number | null {
  for (const { 0: found, 1: name = "", index } of line.matchAll(/([\w-]+)["']?\s*=\s*/g)) {
    if (secretNames().includes(name)) return index + found.length;
  }
  return null;
}

function secretNames(): string[] {
  return secretPaths().map((path) => path.at(-1) ?? "");
}

/** What a position of a text belongs to: the innermost value's key, a comment, or neither. */
function placeOf(scan: TomlScan, at: number): string | null {
  const entry = scan.entries.findLast(({ valueStart, valueEnd }) => valueStart <= at && at < valueEnd);
  const comment = scan.comments.some(({ start, end }) => start <= at && at < end);
  return comment ? commentContext : entry === undefined ? null : contextOf(entry.path);
}

/** Names alone: an entry of a list may move. */
function contextOf(path: KeyPath): string {
  return formatKeyPath(path.filter((segment) => typeof segment === "string"));
}

function applied(text: string, changes: readonly Change[]): string {
  return changes.toSorted((a, b) => b.start - a.start).reduce(
    (left, { start, end, text: replacement }) => left.slice(0, start) + replacement + left.slice(end),
    text,
  );
}

/** A text that is no TOML cannot come back, so its masks stand for nothing; too much is hidden rather than too little. */
function maskLines(text: string, known: readonly string[]): string {
  let hiding = false;
  const lines = text.split("\n").map((line) => {
    const found = /^([\s#]*)([\w."' -]+?)\s*=\s*(.*)$/.exec(line);
    if (found !== null) {
      const names = (found[2] ?? "").split(".").map((name) => name.replace(/^[\s"']+|[\s"']+$/g, ""));
      hiding = names.some((name) => secretNames().includes(name) || (isSecretField(name) && !name.endsWith("_file")));
      return hiding ? `${line.slice(0, line.indexOf("="))}= ***` : withoutSecret(line);
    }
    if (/^\s*(\[|#|$)/.test(line)) hiding = false;
    return hiding ? "***" : withoutSecret(line);
  });
  return known.filter((secret) => secret.length >= shortestAnywhere)
    .reduce((left, secret) => left.replaceAll(secret, "***"), lines.join("\n"));
}

/** A line up to the value of a secret key in it. */
function withoutSecret(line: string): string {
  const start = secretValueIn(line);
  return start === null ? line : `${line.slice(0, start)}***`;
}
