import { join } from "node:path";
import { formatTime } from "../telemetry/time_text.ts";
import type { AuditVerification } from "./audit.ts";
import { type AuditFileName, auditFileName, auditFiles, type AuditHead, readHead } from "./audit_folder.ts";
import { NO_HASH, readRecordLine } from "./record_line.ts";
import { checkFile, endsProblem, type FileCheck } from "./verify_folder.ts";

/** What a start finds in the folder. */
export interface ChainStart {
  /** The file to go on in; `null`: none yet. */
  readonly file: { readonly name: string; readonly bytes: number } | null;
  readonly first: AuditHead["first"];
  /** The newest record, which the next one chains to; sequence 0 for none. */
  readonly last: AuditHead["last"];
  /** The chain does not fit: a new one has to begin behind `last`. */
  readonly broken: AuditVerification["problem"];
  /** Bytes of a torn line that were moved aside. */
  readonly recovered: { readonly file: string; readonly aside: string; readonly bytes: number } | null;
  /** The chain was begun anew earlier, and the older files are still there: why. */
  readonly declared: string | null;
}

/**
 * Looks where the audit in the folder stands, and mends what a kill leaves: an empty newest file is removed, a torn last
 * line moved aside. Only the newest file is read.
 */
export function openChain(dir: string, nowUs: number): ChainStart {
  Deno.mkdirSync(dir, { recursive: true, mode: 0o700 });
  Deno.chmodSync(dir, 0o700);
  const found = readHead(dir);
  const head = found === "damaged" ? null : found;
  const files = withoutEmpty(dir, auditFiles(dir), head);
  const newest = files.at(-1);
  const first = head?.first ?? { sequence: files[0]?.first ?? 1, previous: NO_HASH };
  if (newest === undefined) {
    const problem = head !== null && head.last.sequence === 0 ? null : endsProblem(found, files, null);
    const last = { sequence: problem === null ? 0 : head?.last.sequence ?? 0, hash: NO_HASH };
    const start = problem === null ? { sequence: 1, previous: NO_HASH } : first;
    return { file: null, first: start, last, broken: problem, recovered: null, declared: null };
  }
  const path = join(dir, newest.name);
  const read = Deno.readFileSync(path);
  const whole = read.lastIndexOf(0x0a) + 1;
  const recovered = whole < read.length ? moveTornAside(dir, newest, read.subarray(whole), whole, nowUs) : null;
  const bytes = read.subarray(0, whole);
  const check = checkNow(newest, bytes, head);
  const broken = check.problem ?? endsProblem(found, files, check.last);
  const highest = Math.max(head?.last.sequence ?? 0, newest.first - 1 + linesIn(bytes));
  return {
    file: { name: newest.name, bytes: whole },
    first,
    last: broken === null && check.last !== null
      ? { sequence: check.last.sequence, hash: check.last.hash }
      : { sequence: highest, hash: NO_HASH },
    broken,
    recovered,
    declared: broken === null ? declaredEarlier(dir, files, first) : null,
  };
}

/** A kill between making a file and its first line leaves an empty one; records cut out of it are the head's to tell. */
function withoutEmpty(dir: string, files: AuditFileName[], head: AuditHead | null): AuditFileName[] {
  const newest = files.at(-1);
  if (newest === undefined || Deno.statSync(join(dir, newest.name)).size > 0) return files;
  if (head !== null && head.last.sequence >= newest.first) return files;
  Deno.removeSync(join(dir, newest.name));
  return files.slice(0, -1);
}

function moveTornAside(dir: string, { name }: AuditFileName, torn: Uint8Array, whole: number, nowUs: number) {
  const stamp = formatTime(nowUs).replace(/[-:.]/g, "");
  const aside = `${name}.torn-${stamp}`;
  Deno.writeFileSync(join(dir, aside), torn, { mode: 0o600 });
  Deno.truncateSync(join(dir, name), whole);
  return { file: name, aside, bytes: torn.length };
}

function checkNow(file: AuditFileName, bytes: Uint8Array, head: AuditHead | null): FileCheck {
  const check = checkFile(file, bytes, { previous: null, head });
  for (;;) {
    const step = check.next();
    if (step.done === true) return step.value;
  }
}

function declaredEarlier(dir: string, files: readonly AuditFileName[], first: AuditHead["first"]): string | null {
  const name = auditFileName(first.sequence);
  if (files[0] === undefined || files[0].first >= first.sequence || first.previous !== NO_HASH) return null;
  const text = Deno.readTextFileSync(join(dir, name));
  const record = readRecordLine(text.slice(0, text.indexOf("\n")));
  if ("problem" in record || record.event !== "audit_chain_broken") return null;
  const { file = "", line = "", reason = "" } = record.fields ?? {};
  return `${file} line ${line}: ${reason}`;
}

function linesIn(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) lines++;
  return lines;
}
