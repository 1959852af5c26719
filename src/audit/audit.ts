/** Values of a record's own fields. Never a secret. */
export type AuditValue = string | number | boolean | null | readonly string[];

/** Something that somebody did or tried, as its room reports it. */
export interface AuditEntry {
  /** Stable event name: `web_auth_failed`, `opcua_auth_failed`, `control_auth_failed`, `operation`, `config_reload_failed`, … */
  readonly event: string;
  /** Who; `null` for somebody unknown. */
  readonly principal: string | null;
  readonly role: string | null;
  /** The credential's identity, as in `Principal.credential`; `null` without one. */
  readonly credential: string | null;
  /** IP address without port, or `local`. */
  readonly address: string;
  readonly transport: string;
  /** Operation or request that was asked for; `null` where the event says it. */
  readonly operation: string | null;
  /** What it acts on: a user's name, a tag id, a file; `null` for nothing in particular. */
  readonly target: string | null;
  readonly decision: "allowed" | "denied";
  /** The rule that decided: `role`, `debug_locked`, `throttled`, `csrf`, `remote_profile`, …; `null` when none had to. */
  readonly rule: string | null;
  /** `ok`, or the stable code of what went wrong. */
  readonly outcome: string;
  /** Further fields of the event: `user`, `path`, `reason`, `source_ip`, `changed_knob`, … */
  readonly fields?: Readonly<Record<string, AuditValue>>;
}

/** A record as it stands in the file: the entry, its place in the chain, and its hash. */
export interface AuditRecord extends AuditEntry {
  /** Counts from 1, without gaps, across rotated files. */
  readonly sequence: number;
  /** ISO 8601 UTC with six fraction digits. */
  readonly time: string;
  /** Hash of the record before, hex; 64 zeros for the first. */
  readonly previous: string;
  /** SHA-256 over the record without this field, hex. */
  readonly hash: string;
}

/** What a check of the chain found. */
export interface AuditVerification {
  readonly ok: boolean;
  readonly records: number;
  readonly files: number;
  readonly first: number | null;
  readonly last: number | null;
  /** First thing that does not fit: file, line, and why. */
  readonly problem: { readonly file: string; readonly line: number; readonly text: string } | null;
}

/** The append-only record of who did what. */
export interface Audit {
  /**
   * Writes a record before it returns, and gives its id (`<sequence>`). Never throws: when the disk refuses, the fault
   * `audit_unwritable` is raised and the record kept in memory, bounded, until it can be written.
   * Logins beyond 20 a minute of one name, and attempts that are denied or fail beyond 20 a minute from one address
   * without a credential, or 60 of one credential, are counted and written as one record `repeated`; for those the id is
   * `repeated`, and for a record that was lost it is `lost`.
   */
  record(entry: AuditEntry): string;
  /** Newest records, oldest first. */
  tail(options: { readonly limit: number; readonly event?: string | undefined }): Promise<AuditRecord[]>;
  verify(): Promise<AuditVerification>;
  subscribe(listener: (record: AuditRecord) => void): () => void;
  stop(): Promise<void>;
}
