import { askHidden } from "./terminal/ask_hidden.ts";

/** The secret could not be read; the message says why. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}

/** Where a secret comes from. */
export interface SecretSource {
  /** What is asked for, as `Password of anna`. */
  readonly what: string;
  /** A file with the secret in its first line; `-`: standard input. */
  readonly file?: string | undefined;
  /** Asks twice at a terminal, because nobody sees what is typed. */
  readonly twice?: boolean;
  /** For a secret without blanks, which may come broken into lines: whether this is all of it. */
  readonly whole?: (text: string) => boolean;
}

/**
 * Reads a secret: from a file, else without echo at a terminal, else the first line of standard input. Secrets are never
 * arguments: every user of the machine sees those.
 *
 * @throws {SecretError}
 */
export async function askSecret({ what, file, twice = false, whole }: SecretSource): Promise<string> {
  const first = (text: string) => firstLine(whole === undefined ? text : unbroken(text, whole), what);
  if (file !== undefined && file !== "-") return first(await readFile(file));
  if (!Deno.stdin.isTerminal()) return first(await readAll());
  const secret = await ask(what, whole);
  if (twice && await ask(`${what} again`) !== secret) throw new SecretError(`${what}: the two do not match`);
  return secret;
}

async function readFile(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    throw new SecretError(`Cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function readAll(): Promise<string> {
  return await new Response(Deno.stdin.readable).text();
}

function firstLine(text: string, what: string): string {
  const line = text.split(/\r?\n/, 1)[0] ?? "";
  if (line === "") throw new SecretError(`${what} is missing: give it on standard input, or in a file`);
  return line;
}

/** Lines put together until they are all of a secret. */
function unbroken(text: string, whole: (text: string) => boolean): string {
  let secret = "";
  for (const part of text.trim().split(/\s+/)) {
    secret += part;
    if (whole(secret)) break;
  }
  return secret;
}

async function ask(what: string, whole?: (text: string) => boolean): Promise<string> {
  const typed = await askHidden(`${what}: `, whole);
  if (typed === null) throw new SecretError(`${what}: given up`);
  return typed;
}
