import { join } from "node:path";
import type { AuditRecord, AuditVerification } from "./audit.ts";
import { type AuditFileName, auditFileName, auditFiles, type AuditHead, HEAD_FILE, readHead } from "./audit_folder.ts";
import { readRecordLine } from "./record_line.ts";

/** Lines that are checked at a stretch before others get their turn. */
const LINES_AT_ONCE = 200;

const INCOMPLETE = "The last line is incomplete: it was cut off, or the program was killed while it wrote it";
/** Time after which a line that somebody is writing is surely whole, ms. */
const WRITTEN_MS = 100;

type Problem = NonNullable<AuditVerification["problem"]>;

/** What a file holds, as far as it could be followed. */
export interface FileCheck {
  readonly records: number;
  readonly first: AuditRecord | null;
  readonly last: AuditRecord | null;
  readonly problem: Problem | null;
}

/** What a file is checked against. */
export interface FileExpectation {
  /** Hash of the record before; `null`: any, as for the oldest file. */
  readonly previous: string | null;
  readonly head: AuditHead | null;
}

/** Checks one file's records: form, hash, place in the chain. Ends at the first that does not fit. */
export function* checkFile(
  { name, first }: AuditFileName,
  bytes: Uint8Array,
  { previous, head }: FileExpectation,
): Generator<void, FileCheck> {
  let records = 0;
  let firstRecord: AuditRecord | null = null;
  let last: AuditRecord | null = null;
  const done = (line: number, text: string | null): FileCheck => ({
    records,
    first: firstRecord,
    last,
    problem: text === null ? null : { file: name, line, text },
  });
  let start = 0;
  for (let line = 1; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0) return done(line, INCOMPLETE);
    const record = recordIn(bytes.subarray(start, end));
    if ("problem" in record) return done(line, record.problem);
    const misfit = placeProblem(record, last, line === 1 ? { sequence: first, previous } : null) ??
      headProblem(record, head);
    if (misfit !== null) return done(line, misfit);
    firstRecord ??= record;
    last = record;
    records++;
    start = end + 1;
    if (line % LINES_AT_ONCE === 0) yield;
  }
  // an empty file is one that was made just before a kill; what is missing from it the head or the next file tells
  return done(1, null);
}

/** How far the files go; what stands behind is being written. */
export interface WrittenSoFar {
  /** Name of the newest file. */
  readonly file: string;
  readonly bytes: number;
}

/**
 * Checks the whole chain in a folder: every file, and both ends against the head. Needs no lock and changes nothing, so
 * it can run beside a gateway that goes on writing. Throws when the folder or a file cannot be read.
 */
export async function verifyFolder(dir: string, upTo?: WrittenSoFar): Promise<AuditVerification> {
  // first the head: what is written meanwhile only makes the chain longer
  const head = readHead(dir);
  const files = auditFiles(dir).filter(({ name }) => upTo === undefined || name <= upTo.file);
  let records = 0;
  let first: AuditRecord | null = null;
  let last: AuditRecord | null = null;
  let problem: Problem | null = null;
  let checked = 0;
  for (const file of files) {
    const expected = { previous: last?.hash ?? null, head: head === "damaged" ? null : head };
    const check = await checkWhole(dir, file, expected, upTo);
    // pruned while the others were read: what is left begins later
    if (check === null) return await verifyFolder(dir, upTo);
    checked++;
    records += check.records;
    first ??= check.first;
    const before: number | null = last?.sequence ?? null;
    last = check.last ?? last;
    problem = check.problem ?? declaredBreak(file, check, before);
    if (problem !== null) break;
  }
  problem ??= endsProblem(head, files, last);
  return {
    ok: problem === null,
    records,
    files: checked,
    first: first?.sequence ?? null,
    last: last?.sequence ?? null,
    problem,
  };
}

/** What the head says and the files do not hold, when all that they hold fits. */
export function endsProblem(
  head: AuditHead | "damaged" | null,
  files: readonly AuditFileName[],
  last: AuditRecord | null,
): Problem | null {
  if (head === "damaged") return { file: HEAD_FILE, line: 1, text: "The head is damaged" };
  if (head === null) {
    return last === null ? null : { file: HEAD_FILE, line: 1, text: "The head is missing: it was removed" };
  }
  const oldest = auditFileName(head.first.sequence);
  if (!files.some(({ name }) => name === oldest)) {
    return { file: oldest, line: 1, text: "The file with the first record is missing: it was removed" };
  }
  if (last === null || last.sequence < head.last.sequence) {
    const file = files.at(-1)?.name ?? oldest;
    const found = last === null ? "none is left" : `the last is ${last.sequence}`;
    return {
      file,
      line: last === null ? 1 : last.sequence - (files.at(-1)?.first ?? 1) + 2,
      text: `Records were cut off at the end: ${head.last.sequence} was written, ${found}`,
    };
  }
  return null;
}

/** A chain that was begun anew after a break tells of it for as long as older files lie beside it. */
function declaredBreak(file: AuditFileName, { first }: FileCheck, before: number | null): Problem | null {
  if (first?.event !== "audit_chain_broken" || before === null) return null;
  return { file: file.name, line: 1, text: "The chain was found broken here and begun anew" };
}

function placeProblem(
  { sequence, previous, event }: AuditRecord,
  before: AuditRecord | null,
  opens: { readonly sequence: number; readonly previous: string | null } | null,
): string | null {
  const wantedSequence = opens?.sequence ?? (before?.sequence ?? 0) + 1;
  if (sequence !== wantedSequence) {
    return `Record ${wantedSequence} is expected: current value is ${sequence}. Records were removed, added or moved`;
  }
  const wantedHash = opens === null ? before?.hash ?? null : opens.previous;
  // a declared break does not chain to what it found broken
  if (wantedHash === null || previous === wantedHash || (opens !== null && event === "audit_chain_broken")) return null;
  return "The hash of the record before does not fit: records were changed, removed or added";
}

function headProblem({ sequence, previous, hash }: AuditRecord, head: AuditHead | null): string | null {
  if (head === null) return null;
  if (sequence === head.first.sequence && previous !== head.first.previous) {
    return "The first record does not fit the head: the records before it were exchanged";
  }
  if (sequence === head.last.sequence && hash !== head.last.hash) {
    return "The record does not fit the head: it was exchanged";
  }
  return null;
}

function recordIn(bytes: Uint8Array): AuditRecord | { readonly problem: string } {
  try {
    return readRecordLine(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return { problem: "The line is not UTF-8" };
  }
}

async function checkWhole(
  dir: string,
  file: AuditFileName,
  expected: FileExpectation,
  upTo: WrittenSoFar | undefined,
): Promise<FileCheck | null> {
  for (let again = false;; again = true) {
    const read = await readUnlessPruned(join(dir, file.name));
    if (read === null) return null;
    const bytes = file.name === upTo?.file ? read.subarray(0, upTo.bytes) : read;
    const check = await finish(checkFile(file, bytes, expected));
    if (again || check.problem?.text !== INCOMPLETE) return check;
    await new Promise((resolve) => setTimeout(resolve, WRITTEN_MS));
  }
}

async function finish(check: Generator<void, FileCheck>): Promise<FileCheck> {
  for (;;) {
    const step = check.next();
    if (step.done === true) return step.value;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** `null` when the gateway pruned the file while the others were being read. */
async function readUnlessPruned(path: string): Promise<Uint8Array | null> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
