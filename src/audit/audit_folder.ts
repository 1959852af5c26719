import { join } from "node:path";

/** Name of the file that notes where the chain begins and how far it has come. */
export const HEAD_FILE = "head";
const fileName = /^audit-(\d{12,16})\.jsonl$/;

/** A file of the audit. */
export interface AuditFileName {
  readonly name: string;
  /** Sequence of its first record. */
  readonly first: number;
}

/**
 * Where the chain begins and how far it has come, as it was noted when the records were last on disk for sure. Whoever
 * cuts records off at either end leaves it behind, unless they change this file too.
 */
export interface AuditHead {
  /** First record that has to be there, and the hash before it: the anchor that pruning leaves. */
  readonly first: { readonly sequence: number; readonly previous: string };
  /** A record that has to be there. */
  readonly last: { readonly sequence: number; readonly hash: string };
}

/** The name of the file whose first record has this sequence. */
export function auditFileName(first: number): string {
  return `audit-${String(first).padStart(12, "0")}.jsonl`;
}

/** The audit's files in a folder, oldest first. */
export function auditFiles(dir: string): AuditFileName[] {
  const files: AuditFileName[] = [];
  for (const { name, isFile } of Deno.readDirSync(dir)) {
    const digits = isFile ? fileName.exec(name)?.[1] : undefined;
    if (digits !== undefined) files.push({ name, first: Number(digits) });
  }
  return files.sort((a, b) => a.first - b.first);
}

/** Reads the head; `null` when there is none, `damaged` when it cannot be one. */
export function readHead(dir: string): AuditHead | "damaged" | null {
  let text: string;
  try {
    text = Deno.readTextFileSync(join(dir, HEAD_FILE));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  try {
    const head = JSON.parse(text) as AuditHead;
    return headText(head) === text && Number.isSafeInteger(head.first.sequence) &&
        Number.isSafeInteger(head.last.sequence)
      ? head
      : "damaged";
  } catch {
    return "damaged";
  }
}

/** Replaces the head, so that a reader sees the old or the new one and never half of it. */
export function writeHead(dir: string, head: AuditHead): void {
  const temporary = join(dir, `${HEAD_FILE}.new`);
  using file = Deno.openSync(temporary, { create: true, write: true, truncate: true, mode: 0o600 });
  writeAll(file, new TextEncoder().encode(headText(head)));
  file.syncDataSync();
  Deno.renameSync(temporary, join(dir, HEAD_FILE));
}

/** Writes all bytes; a regular file may take them in several pieces. */
export function writeAll(file: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let left = bytes; left.length > 0;) left = left.subarray(file.writeSync(left));
}

function headText({ first, last }: AuditHead): string {
  return `${
    JSON.stringify({
      first: { sequence: first.sequence, previous: first.previous },
      last: { sequence: last.sequence, hash: last.hash },
    })
  }\n`;
}
