import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { getLogger } from "@logtape/logtape";
import { isRole, type Role } from "../policy/roles.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { PairingInfo, TokenInfo } from "./access.ts";
import { storeTroubleOf, unavailable } from "./store_error.ts";
import { closeStoreFile, type OpenedStore } from "./store_file.ts";

const log = getLogger(["edgekeep", "access"]);

/** Changes that are made again until the disk takes them; more than these were never waiting. */
const MAX_OVERDUE = 1000;

/** A user as it is stored. */
export interface StoredUser {
  readonly name: string;
  readonly role: Role;
  readonly disabled: boolean;
  readonly hash: string;
  readonly createdUs: number;
  readonly passwordChangedUs: number;
  readonly lastUsedUs: number | null;
  readonly certificates: readonly string[];
}

/** A token as it is stored: without its secret. */
export interface StoredToken extends TokenInfo {
  readonly digest: Uint8Array;
}

/** An open pairing code as it is stored: without the code. */
export interface StoredPairing extends PairingInfo {
  readonly digest: Uint8Array;
  readonly lifetimeSeconds: number | null;
}

/** A browser session as it is stored: without the cookie. */
export interface StoredSession {
  readonly id: string;
  readonly digest: Uint8Array;
  /** Whose it is: `user:<name>`, `token:<id>`, `config:<name>` or `control-token`. */
  readonly owner: string;
  /** For configured credentials a digest of what they were, so that a change ends the session; else `null`. */
  readonly ownerMark: Uint8Array | null;
  readonly address: string;
  readonly userAgent: string;
  readonly createdUs: number;
  readonly lastUsedUs: number;
  /** Absolute end. */
  readonly expiresUs: number;
}

/** A place from which a name has logged in. */
export interface KnownPlace {
  readonly name: string;
  readonly address: string;
  readonly lastUsedUs: number;
}

/** Everything that is stored. */
export interface StoredState {
  readonly users: StoredUser[];
  readonly tokens: StoredToken[];
  readonly pairings: StoredPairing[];
  readonly sessions: StoredSession[];
  readonly places: KnownPlace[];
}

/** One change, or a few that belong together. */
export type Change = (store: StoreWriter) => void;

/** The file behind the room's memory: read once, then only written. */
export class AccessStore {
  readonly #opened: OpenedStore;
  readonly #faults: FaultBoard;
  readonly #overdue: Change[] = [];
  /** Told once, until a change succeeds. */
  #lastFailure: string | null = null;

  constructor(opened: OpenedStore, faults: FaultBoard) {
    this.#opened = opened;
    this.#faults = faults;
    if (opened.readOnly !== null) this.#failing(new Error(opened.readOnly));
  }

  /** Reads everything. Rows that cannot be understood are left out and reported: they let nobody in. */
  load(): StoredState {
    const { db } = this.#opened;
    if (db === null) return { users: [], tokens: [], pairings: [], sessions: [], places: [] };
    const all = (table: string) => db.prepare(`SELECT * FROM ${table}`).all() as Row[];
    const certificates = Map.groupBy(all("certificate"), (row) => text(row, "user").toLowerCase());
    return {
      users: all("user").flatMap(understood((row) => ({
        name: text(row, "name"),
        role: role(row),
        disabled: row.disabled !== 0,
        hash: text(row, "hash"),
        createdUs: number(row, "created_us"),
        passwordChangedUs: number(row, "password_changed_us"),
        lastUsedUs: numberOrNull(row, "last_used_us"),
        certificates: (certificates.get(text(row, "name").toLowerCase()) ?? []).map((c) => text(c, "fingerprint")),
      }))),
      tokens: all("token").flatMap(understood((row) => ({
        id: text(row, "id"),
        kind: text(row, "kind") === "paired" ? "paired" : "api",
        label: text(row, "label"),
        role: role(row),
        digest: bytes(row, "digest"),
        createdUs: number(row, "created_us"),
        createdBy: text(row, "created_by"),
        expiresUs: numberOrNull(row, "expires_us"),
        lastUsedUs: numberOrNull(row, "last_used_us"),
        lastAddress: row.last_address === null ? null : text(row, "last_address"),
      }))),
      pairings: all("pairing").flatMap(understood((row) => ({
        id: text(row, "id"),
        role: role(row),
        label: text(row, "label"),
        lifetimeSeconds: numberOrNull(row, "lifetime_s"),
        digest: bytes(row, "digest"),
        createdUs: number(row, "created_us"),
        createdBy: text(row, "created_by"),
        expiresUs: number(row, "expires_us"),
        wrongTries: number(row, "wrong_tries"),
      }))),
      sessions: all("session").flatMap(understood((row) => ({
        id: text(row, "id"),
        digest: bytes(row, "digest"),
        owner: text(row, "owner"),
        ownerMark: row.owner_mark === null ? null : bytes(row, "owner_mark"),
        address: text(row, "address"),
        userAgent: text(row, "user_agent"),
        createdUs: number(row, "created_us"),
        lastUsedUs: number(row, "last_used_us"),
        expiresUs: number(row, "expires_us"),
      }))),
      places: all("known_place").map((row) => ({
        name: text(row, "name"),
        address: text(row, "address"),
        lastUsedUs: number(row, "last_used_us"),
      })),
    };
  }

  /** A value of the store itself, such as its key; `null` when there is none. */
  meta(key: string): Uint8Array | null {
    const row = this.#opened.db?.prepare("SELECT value FROM meta WHERE key = ?").get(key) as Row | undefined;
    return row === undefined ? null : bytes(row, "value");
  }

  /**
   * Makes the change durable, whole or not at all.
   *
   * @param what completes "Cannot …"
   * @throws {import("./access.ts").AccessError} `unavailable` when the disk refuses
   */
  write(what: string, change: Change): void {
    try {
      this.#transact(change);
    } catch (error) {
      this.#failing(error);
      throw unavailable(what, error);
    }
  }

  /**
   * Like {@link write} for what must not wait for the disk, as a revocation that is in force already: when the disk refuses,
   * the change is kept and made again before the next one. Answers whether it is durable.
   */
  writeOrKeep(change: Change | null): boolean {
    try {
      this.#transact(change ?? (() => {}));
      return true;
    } catch (error) {
      this.#failing(error);
      if (change !== null && this.#overdue.length < MAX_OVERDUE) this.#overdue.push(change);
      return false;
    }
  }

  /** Makes the changes that the disk refused before, if it takes them now. */
  catchUp(): void {
    if (this.#overdue.length > 0) this.writeOrKeep(null);
  }

  /** Closes the file. Its log is moved into it. */
  close(): void {
    if (this.#opened.db !== null) closeStoreFile(this.#opened.db);
  }

  #transact(change: Change): void {
    const { db, readOnly, damage } = this.#opened;
    if (db === null) throw new Error(damage ?? "There is no store");
    if (readOnly !== null) throw new Error(readOnly);
    db.exec("BEGIN IMMEDIATE");
    try {
      const writer = new StoreWriter(db);
      // in their order: an older removal must not undo a newer addition
      for (const overdue of this.#overdue) overdue(writer);
      change(writer);
      db.exec("COMMIT");
    } catch (error) {
      try {
        db.exec("ROLLBACK");
      } catch {
        // after a full disk or an I/O error SQLite has rolled back by itself
      }
      throw error;
    }
    this.#overdue.length = 0;
    this.#lastFailure = null;
    this.#faults.clear("access_store_unwritable");
  }

  #failing(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const damaged = storeTroubleOf(error) === "damaged";
    if (this.#lastFailure === reason) return;
    this.#lastFailure = reason;
    this.#faults.raise(
      damaged ? "access_store_damaged" : "access_store_unwritable",
      damaged ? `${reason}. Who is logged in stays so; it will be set aside at the next start` : reason,
    );
    log.error("Cannot write the store of users and tokens: {reason}", { event: "access_store_write_failed", reason });
  }
}

/** The changes that can be made to the store. Only within {@link AccessStore.write}. */
export class StoreWriter {
  readonly #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  putMeta(key: string, value: Uint8Array): void {
    this.#run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value);
  }

  deleteMeta(key: string): void {
    this.#run("DELETE FROM meta WHERE key = ?", key);
  }

  putUser(user: StoredUser): void {
    this.#run(
      `INSERT INTO user (name, role, disabled, hash, created_us, password_changed_us, last_used_us)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET role = excluded.role, disabled = excluded.disabled, hash = excluded.hash,
         password_changed_us = excluded.password_changed_us, last_used_us = excluded.last_used_us`,
      user.name,
      user.role,
      user.disabled ? 1 : 0,
      user.hash,
      user.createdUs,
      user.passwordChangedUs,
      user.lastUsedUs,
    );
    this.#run("DELETE FROM certificate WHERE user = ? COLLATE NOCASE", user.name);
    for (const fingerprint of user.certificates) {
      this.#run("INSERT INTO certificate (fingerprint, user) VALUES (?, ?)", fingerprint, user.name);
    }
  }

  deleteUser(name: string): void {
    this.#run("DELETE FROM certificate WHERE user = ? COLLATE NOCASE", name);
    this.#run("DELETE FROM user WHERE name = ?", name);
  }

  putToken(token: StoredToken): void {
    this.#run(
      `INSERT OR REPLACE INTO token
         (id, kind, label, role, digest, created_us, created_by, expires_us, last_used_us, last_address)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      token.id,
      token.kind,
      token.label,
      token.role,
      token.digest,
      token.createdUs,
      token.createdBy,
      token.expiresUs,
      token.lastUsedUs,
      token.lastAddress,
    );
  }

  deleteToken(id: string): void {
    this.#run("DELETE FROM token WHERE id = ?", id);
  }

  putPairing(pairing: StoredPairing): void {
    this.#run(
      `INSERT OR REPLACE INTO pairing
         (id, role, label, lifetime_s, digest, created_us, created_by, expires_us, wrong_tries)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      pairing.id,
      pairing.role,
      pairing.label,
      pairing.lifetimeSeconds,
      pairing.digest,
      pairing.createdUs,
      pairing.createdBy,
      pairing.expiresUs,
      pairing.wrongTries,
    );
  }

  deletePairing(id: string): void {
    this.#run("DELETE FROM pairing WHERE id = ?", id);
  }

  putSession(session: StoredSession): void {
    this.#run(
      `INSERT OR REPLACE INTO session
         (id, digest, owner, owner_mark, address, user_agent, created_us, last_used_us, expires_us)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      session.id,
      session.digest,
      session.owner,
      session.ownerMark,
      session.address,
      session.userAgent,
      session.createdUs,
      session.lastUsedUs,
      session.expiresUs,
    );
  }

  deleteSession(id: string): void {
    this.#run("DELETE FROM session WHERE id = ?", id);
  }

  putPlace(place: KnownPlace): void {
    this.#run(
      "INSERT OR REPLACE INTO known_place (name, address, last_used_us) VALUES (?, ?, ?)",
      place.name,
      place.address,
      place.lastUsedUs,
    );
  }

  deletePlaces(name: string): void {
    this.#run("DELETE FROM known_place WHERE name = ?", name);
  }

  deletePlacesBefore(timeUs: number): void {
    this.#run("DELETE FROM known_place WHERE last_used_us < ?", timeUs);
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#db.prepare(sql).run(...values);
  }
}

type Row = Record<string, unknown>;

function understood<T>(read: (row: Row) => T): (row: Row) => T[] {
  return (row) => {
    try {
      return [read(row)];
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warning("A row of the store of users and tokens is left out: {reason}", {
        event: "access_row_skipped",
        reason,
      });
      return [];
    }
  };
}

function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value === "string") return value;
  throw new TypeError(`Cannot read '${column}' as text: current value is a ${typeof value}`);
}

function number(row: Row, column: string): number {
  const value = row[column];
  if (typeof value === "number") return value;
  throw new TypeError(`Cannot read '${column}' as a number: current value is a ${typeof value}`);
}

function numberOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : number(row, column);
}

function bytes(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`Cannot read '${column}' as bytes: current value is a ${typeof value}`);
}

function role(row: Row): Role {
  const value = row.role;
  if (isRole(value)) return value;
  throw new TypeError(`Cannot read 'role' as a role: current value is ${String(value)}`);
}
