import { statSync } from "node:fs";
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import type { Transport } from "../access/principal.ts";
import { giveUp, openDatabase } from "../history/database_file.ts";
import { StatementCache } from "../history/statement_cache.ts";
import { transact } from "../history/transaction.ts";
import { APPLICATION_ID, commandSteps } from "./command_schema.ts";
import { isDone, isEnded } from "./command_state.ts";
import type { ArgumentValue, Command, CommandQuery, CommandState, CommandStep } from "./commands.ts";
import type { Payload } from "./make_payload.ts";

/** Above this size a file is not read through at the start, bytes: the start would take seconds. */
const MOST_CHECKED_BYTES = 64 * 1024 * 1024;

/** That a command is about to be handed to the network server, written before it is. */
export interface Intention {
  readonly timeUs: number;
  /** Ids of what was in the device's queue before. */
  readonly before: readonly string[];
}

/** A command with what is nobody's business outside. Replaced, never changed in place. */
export interface StoredCommand {
  readonly command: Command;
  readonly payload: Payload;
  /** `null`: it was certainly not handed over yet. Stays when the item's id is known. */
  readonly intention: Intention | null;
}

/** A command before it is stored. */
export interface NewCommand {
  readonly command: Omit<Command, "sequence">;
  readonly payload: Payload;
  /** Whose it is, for limits. */
  readonly sender: string;
}

type Row = Record<string, string | number | bigint | Uint8Array | null>;

/** `commands.db`: every command with its steps. Each write is on the disk when the call returns, or throws. */
export class CommandStore {
  readonly #db: DatabaseSync;
  readonly #statements: StatementCache;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.#statements = new StatementCache(db);
  }

  /**
   * Opens the file, mode 0600, and creates it when it is not there.
   *
   * @throws {import("../history/database_file.ts").SetAsideError} when it is damaged or not ours and was renamed; SQLite's
   *   or the system's error when the disk refuses
   */
  static open(path: string, nowUs: () => number): CommandStore {
    // FULL: at most once depends on the order of what is written here and what is sent
    const db = openDatabase({ path, synchronous: "FULL", nowUs, applicationId: APPLICATION_ID, steps: commandSteps });
    try {
      // a short log: what is moved into the file at once is a few milliseconds of work
      db.exec("PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 100");
      if (statSync(path).size <= MOST_CHECKED_BYTES) {
        const row = db.prepare("PRAGMA quick_check(1)").get() as { quick_check: string } | undefined;
        if (row?.quick_check !== "ok") throw new Error(`The file is malformed: ${row?.quick_check ?? "no answer"}`);
      }
      return new CommandStore(db);
    } catch (error) {
      throw giveUp(db, path, error, nowUs());
    }
  }

  /** Stores a new command with its first step. */
  insert({ command, payload, sender }: NewCommand): StoredCommand {
    return transact(this.#db, () => {
      const { lastInsertRowid } = this.#statements.prepare(
        `INSERT INTO command (id, dev_eui, command, arguments, state, detail, open, done, confirmed, f_port, payload_hex,
           payload_object, by_name, by_address, by_transport, sender, idempotency_key, queue_item_id, created_us,
           updated_us, deadline_us)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ).run(
        command.id,
        command.devEui,
        command.command,
        JSON.stringify(command.arguments),
        command.state,
        command.detail,
        isEnded(command) ? 0 : 1,
        isDone(command) ? 1 : 0,
        command.confirmed ? 1 : 0,
        command.fPort,
        command.payloadHex,
        "object" in payload ? JSON.stringify(payload.object) : null,
        command.by.name,
        command.by.address,
        command.by.transport,
        sender,
        command.idempotencyKey,
        command.queueItemId,
        command.createdUs,
        command.updatedUs,
        command.deadlineUs,
      );
      const stored = { command: { ...command, sequence: Number(lastInsertRowid) }, payload, intention: null };
      this.#addStep(stored.command);
      return stored;
    });
  }

  /** Stores that a command is about to be handed over, or with `null` that it certainly was not. */
  intend({ sequence }: Command, intention: Intention | null): void {
    this.#statements.prepare("UPDATE command SET intention_us = ?, queue_before = ? WHERE sequence = ?").run(
      intention?.timeUs ?? null,
      intention === null ? null : JSON.stringify(intention.before),
      sequence,
    );
  }

  /** Stores a command's new state, with the step. */
  save(command: Command): void {
    transact(this.#db, () => {
      this.#statements.prepare(
        `UPDATE command SET state = ?, detail = ?, open = ?, done = ?, queue_item_id = ?, updated_us = ? WHERE sequence = ?`,
      ).run(
        command.state,
        command.detail,
        isEnded(command) ? 0 : 1,
        isDone(command) ? 1 : 0,
        command.queueItemId,
        command.updatedUs,
        command.sequence,
      );
      this.#addStep(command);
    });
  }

  /** Commands that have not ended, the oldest first. */
  open(): StoredCommand[] {
    return this.#all("SELECT * FROM command WHERE open = 1 ORDER BY sequence").map(storedOf);
  }

  get(id: string): Command | undefined {
    return this.#one("SELECT * FROM command WHERE id = ?", id);
  }

  steps(id: string): CommandStep[] {
    return this.#all(
      `SELECT step.state, time_us, step.detail FROM step JOIN command USING (sequence) WHERE id = ? ORDER BY number`,
      id,
    ).map((row) => ({ state: row.state as CommandState, timeUs: Number(row.time_us), detail: textOrNull(row.detail) }));
  }

  list({ devEui, command, open, limit, before }: CommandQuery): Command[] {
    const conditions: string[] = [];
    const values: SQLInputValue[] = [];
    const where = (condition: string, value?: SQLInputValue) => {
      conditions.push(condition);
      if (value !== undefined) values.push(value);
    };
    if (devEui !== undefined) where("dev_eui = ?", devEui);
    if (command !== undefined) where("command = ?", command);
    if (open === true) where("open = 1");
    if (open === false) where("open = 0");
    if (before !== undefined) where("sequence < ?", before);
    const filter = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    return this.#all(`SELECT * FROM command ${filter} ORDER BY sequence DESC LIMIT ?`, ...values, limit).map((row) =>
      storedOf(row).command
    );
  }

  newest(devEui: string, command: string): Command | undefined {
    return this.#one(
      "SELECT * FROM command WHERE dev_eui = ? AND command = ? ORDER BY sequence DESC LIMIT 1",
      devEui,
      command,
    );
  }

  /** The newest that did what it should. */
  lastDone(devEui: string, command: string): Command | undefined {
    return this.#one(
      "SELECT * FROM command WHERE dev_eui = ? AND command = ? AND done = 1 ORDER BY sequence DESC LIMIT 1",
      devEui,
      command,
    );
  }

  /** The newest command of the device with this key of this sender's that was sent since. */
  byKey(devEui: string, key: string, sender: string, sinceUs: number): Command | undefined {
    return this.#one(
      `SELECT * FROM command WHERE dev_eui = ? AND idempotency_key = ? AND sender = ? AND created_us > ?
       ORDER BY sequence DESC LIMIT 1`,
      devEui,
      key,
      sender,
      sinceUs,
    );
  }

  /** The command whose item in the network server's queue this was. */
  byItem(queueItemId: string): Command | undefined {
    return this.#one("SELECT * FROM command WHERE queue_item_id = ? LIMIT 1", queueItemId);
  }

  /**
   * How many commands somebody sent after one time and up to another. Those of a time to come were sent before the clock
   * was set back.
   */
  sentBetween(sender: string, afterUs: number, upToUs: number): number {
    const [row] = this.#all(
      "SELECT count(*) AS n FROM command WHERE created_us > ? AND created_us <= ? AND sender = ?",
      afterUs,
      upToUs,
      sender,
    );
    return Number(row?.n ?? 0);
  }

  /** Devices whose command ended unknown since, each with how many. */
  unknownSince(sinceUs: number): ReadonlyMap<string, number> {
    const rows = this.#all(
      "SELECT dev_eui, count(*) AS n FROM command WHERE state = 'unknown' AND updated_us > ? GROUP BY dev_eui",
      sinceUs,
    );
    return new Map(rows.map((row) => [String(row.dev_eui), Number(row.n)]));
  }

  /** When a command was sent last, µs; `null` before the first. */
  newestUs(): number | null {
    const [row] = this.#all("SELECT max(created_us) AS t FROM command");
    return row?.t === null || row?.t === undefined ? null : Number(row.t);
  }

  /** Deletes up to `most` commands that ended before, with their steps. Gives how many. */
  prune(beforeUs: number, most: number): number {
    const { changes } = this.#statements.prepare(
      `DELETE FROM command WHERE sequence IN
         (SELECT sequence FROM command WHERE open = 0 AND updated_us < ? ORDER BY updated_us LIMIT ?)`,
    ).run(beforeUs, most);
    return Number(changes);
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #addStep({ sequence, state, updatedUs, detail }: Command): void {
    this.#statements.prepare(
      `INSERT INTO step (sequence, number, state, time_us, detail)
       VALUES (?1, (SELECT count(*) FROM step WHERE sequence = ?1), ?2, ?3, ?4)`,
    ).run(sequence, state, updatedUs, detail);
  }

  #one(sql: string, ...values: SQLInputValue[]): Command | undefined {
    const row = this.#statements.prepare(sql).get(...values) as Row | undefined;
    return row === undefined ? undefined : storedOf(row).command;
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statements.prepare(sql).all(...values) as Row[];
  }
}

function storedOf(row: Row): StoredCommand {
  const payloadHex = textOrNull(row.payload_hex);
  const command: Command = {
    id: String(row.id),
    sequence: Number(row.sequence),
    devEui: String(row.dev_eui),
    command: String(row.command),
    arguments: JSON.parse(String(row.arguments)) as Record<string, ArgumentValue>,
    state: String(row.state) as CommandState,
    detail: textOrNull(row.detail),
    confirmed: row.confirmed === 1,
    fPort: Number(row.f_port),
    payloadHex,
    by: {
      name: String(row.by_name),
      address: String(row.by_address),
      transport: String(row.by_transport) as Transport,
    },
    idempotencyKey: textOrNull(row.idempotency_key),
    queueItemId: textOrNull(row.queue_item_id),
    createdUs: Number(row.created_us),
    updatedUs: Number(row.updated_us),
    deadlineUs: Number(row.deadline_us),
  };
  return {
    command,
    payload: payloadHex === null
      ? { object: JSON.parse(String(row.payload_object)) as Record<string, unknown> }
      : { data: Uint8Array.fromHex(payloadHex) },
    intention: row.intention_us === null || row.intention_us === undefined
      ? null
      : { timeUs: Number(row.intention_us), before: JSON.parse(String(row.queue_before)) as string[] },
  };
}

function textOrNull(value: Row[string] | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
