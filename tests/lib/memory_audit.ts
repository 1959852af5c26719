import type { Audit, AuditEntry } from "../../src/audit/audit.ts";

/** An audit that keeps its entries for the test to look at. */
export class MemoryAudit implements Audit {
  readonly entries: AuditEntry[] = [];

  record(entry: AuditEntry): string {
    this.entries.push(entry);
    return String(this.entries.length);
  }

  /** Entries of one event. */
  of(event: string): AuditEntry[] {
    return this.entries.filter((entry) => entry.event === event);
  }

  tail(): never {
    throw new Error("The audit in memory has no records; open the real one");
  }

  verify(): never {
    throw new Error("The audit in memory has no chain; open the real one");
  }

  subscribe(): () => void {
    return () => {};
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
