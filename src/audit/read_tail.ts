import { join } from "node:path";
import type { AuditRecord } from "./audit.ts";
import { auditFiles } from "./audit_folder.ts";

/** Which records are wanted. */
export interface TailQuery {
  readonly limit: number;
  /** Only records of this event. */
  readonly event?: string | undefined;
}

/** The newest records of a folder, oldest first. Lines that are none are passed over: `verifyFolder` tells of them. */
export async function readTail(dir: string, { limit, event }: TailQuery): Promise<AuditRecord[]> {
  const newestFirst: AuditRecord[] = [];
  for (const { name } of auditFiles(dir).toReversed()) {
    const lines = (await textUnlessPruned(join(dir, name))).split("\n");
    for (let i = lines.length - 1; i >= 0 && newestFirst.length < limit; i--) {
      const record = recordOf(lines[i] ?? "", event);
      if (record !== null) newestFirst.push(record);
    }
    if (newestFirst.length >= limit) break;
  }
  return newestFirst.reverse();
}

function recordOf(line: string, event: string | undefined): AuditRecord | null {
  // most lines of other events need not be parsed
  if (line === "" || (event !== undefined && !line.includes(JSON.stringify(event)))) return null;
  try {
    const record = JSON.parse(line) as AuditRecord;
    return typeof record.hash === "string" && (event === undefined || record.event === event) ? record : null;
  } catch {
    return null;
  }
}

async function textUnlessPruned(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
