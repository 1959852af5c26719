import { matchesGlob } from "../tags/glob.ts";

/**
 * Whether an entry of `[runtime.remote].allow_write`, written `operation:target`, covers a change. `*` stands for any
 * characters, also for none, and `?` for one. A change that names no target has the empty one.
 */
export function allowsWrite(entry: string, operation: string, target: string | null): boolean {
  const colon = entry.indexOf(":");
  if (colon < 0) return false;
  return matchesGlob(entry.slice(0, colon), operation) && matchesGlob(entry.slice(colon + 1), target ?? "");
}

/** The operations that an entry of `allow_write` covers for some target. */
export function operationsOf(entry: string, operations: readonly string[]): string[] {
  const pattern = entry.slice(0, Math.max(0, entry.indexOf(":")));
  return operations.filter((operation) => matchesGlob(pattern, operation));
}
