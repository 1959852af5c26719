import { join } from "node:path";
import type { AuditRecord } from "../../../src/audit/audit.ts";
import { auditFiles } from "../../../src/audit/audit_folder.ts";

/** The records of an audit that somebody may be writing, oldest first. */
export async function readAudit(dir: string): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  for (const { name } of auditFiles(dir)) {
    const text = await Deno.readTextFile(join(dir, name));
    // the last line may be half written
    for (const line of text.split("\n").slice(0, -1)) records.push(JSON.parse(line));
  }
  return records;
}
