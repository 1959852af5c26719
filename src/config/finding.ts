import type { KeyPath } from "./key_path.ts";

/** `error` refuses the configuration, `warning` and `note` let it run. */
export type Severity = "error" | "warning" | "note";

/** Something to know about a configuration. No text in it ever holds a secret. */
export interface Finding {
  /** Stable id of the rule. */
  readonly rule: string;
  readonly severity: Severity;
  /** Key path, as `opcua.host_port` or `application[0].device[2].device_id`; empty for the file as a whole. */
  readonly path: string;
  /** Line in `file`, from 1. */
  readonly line: number | null;
  readonly file: string | null;
  /** What was found and what was expected. */
  readonly text: string;
  /** What to write instead. */
  readonly fix: string;
}

/** A finding before it is known where its key came from. */
export interface Problem {
  readonly rule: string;
  readonly severity: Severity;
  readonly at: KeyPath;
  readonly text: string;
  readonly fix: string;
}
