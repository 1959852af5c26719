import { statSync } from "node:fs";
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { giveUp, openDatabase } from "../../history/database_file.ts";
import { StatementCache } from "../../history/statement_cache.ts";
import { transact } from "../../history/transaction.ts";
import type { NodeId } from "../../mesh/ids.ts";
import type {
  EventRow,
  KeyObjectRow,
  MailRow,
  NewEventRow,
  NodeRow,
  RelayRow,
  StoredHub,
  TokenRow,
  TokenUse,
} from "./hub_rows.ts";
import { HUB_APPLICATION_ID, hubSteps } from "./hub_schema.ts";
import type { HubStore, MetaKey, SecretName } from "./hub_store.ts";

type Row = Record<string, string | number | bigint | Uint8Array | null>;

/** `hub.db`: one SQLite file, mode 0600, in WAL mode, with all of a hub's secrets. */
export class SqliteHubStore implements HubStore {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #statements: StatementCache;
  /** The rules of one change are one body for many nodes. */
  readonly #bodiesOfTransaction = new Map<string, number>();

  private constructor(db: DatabaseSync, path: string) {
    this.#db = db;
    this.#statements = new StatementCache(db);
    this.#path = path;
  }

  /**
   * Opens the file, and makes it when it is not there.
   *
   * @throws {import("../../history/database_file.ts").SetAsideError} when it is damaged or not ours and was renamed;
   *   SQLite's or the system's error when the disk refuses
   */
  static open(path: string, nowUs: () => number): SqliteHubStore {
    const db = openDatabase({ path, synchronous: "FULL", nowUs, applicationId: HUB_APPLICATION_ID, steps: hubSteps });
    try {
      // a short log: what is moved into the file at once is a few milliseconds of work; secrets leave no trace behind
      db.exec("PRAGMA wal_autocheckpoint = 200; PRAGMA secure_delete = ON");
      const row = db.prepare("PRAGMA quick_check(1)").get() as { quick_check: string } | undefined;
      if (row?.quick_check !== "ok") throw new Error(`The file is malformed: ${row?.quick_check ?? "no answer"}`);
      return new SqliteHubStore(db, path);
    } catch (error) {
      throw giveUp(db, path, error, nowUs());
    }
  }

  transact<T>(work: () => T): T {
    this.#bodiesOfTransaction.clear();
    return transact(this.#db, work);
  }

  transactRelaxed<T>(work: () => T): T {
    this.#db.exec("PRAGMA synchronous = NORMAL");
    try {
      return this.transact(work);
    } finally {
      this.#db.exec("PRAGMA synchronous = FULL");
    }
  }

  load(): StoredHub {
    return {
      nodes: this.#all("SELECT no, node_id, name, mesh_ip, data FROM node ORDER BY no").map(nodeOf),
      sequences: new Map(
        this.#all("SELECT no, sequence FROM seat").map((row) => [Number(row.no), Number(row.sequence)]),
      ),
      events: this.#events(),
      relays: this.#all("SELECT * FROM relay ORDER BY session_id").map((row) => ({
        sessionId: String(row.session_id),
        a: Number(row.a),
        b: Number(row.b),
        portOfA: Number(row.port_a),
        portOfB: Number(row.port_b),
        expiresUs: Number(row.expires_us),
        openedUs: Number(row.opened_us),
      })),
      ready: this.#all("SELECT no, peer FROM ready").map((row) => [Number(row.no), Number(row.peer)] as const),
    };
  }

  meta(key: MetaKey): string | null {
    const row = this.#one("SELECT value FROM meta WHERE key = ?", key);
    return row === undefined ? null : String(row.value);
  }

  setMeta(key: MetaKey, value: string | null): void {
    if (value === null) this.#run("DELETE FROM meta WHERE key = ?", key);
    else this.#run("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value);
  }

  secret(name: SecretName): Uint8Array | null {
    const value = this.#one("SELECT value FROM secret WHERE name = ?", name)?.value;
    return value instanceof Uint8Array ? value : null;
  }

  setSecret(name: SecretName, value: Uint8Array | null): void {
    if (value === null) this.#run("DELETE FROM secret WHERE name = ?", name);
    else {
      this.#run(
        "INSERT INTO secret VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name,
        value,
      );
    }
  }

  putNode({ no, nodeId, name, meshIp, ...data }: NodeRow): number {
    const text = JSON.stringify(data);
    if (no !== 0) {
      this.#run("UPDATE node SET name = ?, mesh_ip = ?, data = ? WHERE no = ?", name, meshIp, text, no);
      return no;
    }
    const { lastInsertRowid } = this.#statements.prepare(
      "INSERT INTO node (node_id, name, mesh_ip, data) VALUES (?, ?, ?, ?)",
    )
      .run(nodeId, name, meshIp, text);
    return Number(lastInsertRowid);
  }

  deleteNode(no: number): void {
    this.#run("DELETE FROM node WHERE no = ?", no);
    this.#run("DELETE FROM node_key WHERE no = ?", no);
    this.#run("DELETE FROM statement WHERE no = ?", no);
  }

  claimKey(kind: "wireguard" | "kem", sha256: string, no: number): boolean {
    this.#run("INSERT INTO node_key VALUES (?, ?, ?) ON CONFLICT DO NOTHING", kind, sha256, no);
    return Number(this.#one("SELECT no FROM node_key WHERE kind = ? AND sha256 = ?", kind, sha256)?.no) === no;
  }

  setSequence(no: number, sequence: number): void {
    this.#run(
      "INSERT INTO seat VALUES (?, ?) ON CONFLICT (no) DO UPDATE SET sequence = excluded.sequence",
      no,
      sequence,
    );
  }

  raiseSequences(except: number): void {
    this.#run("UPDATE seat SET sequence = sequence + 1 WHERE no <> ?", except);
  }

  deleteSequence(no: number): void {
    this.#run("DELETE FROM seat WHERE no = ?", no);
  }

  addEvent({ node, except, type, body, peer, psk }: NewEventRow): number {
    const { lastInsertRowid } = this.#statements.prepare(
      "INSERT INTO event (node, except_node, type, body, peer, psk) VALUES (?, ?, ?, ?, ?, ?)",
    ).run(node, except, type, body === null ? null : this.#bodyId(body), peer, psk);
    return Number(lastInsertRowid);
  }

  addEvents(events: readonly NewEventRow[]): number {
    if (events.length === 0) return 0;
    const rows = events.map((
      { node, except, type, body, peer, psk },
    ) => [node, except, type, body === null ? null : this.#bodyId(body), peer, psk]);
    // one statement for all: a thousand calls take five times as long
    const { lastInsertRowid } = this.#statements.prepare(
      `INSERT INTO event (node, except_node, type, body, peer, psk)
       SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?) ORDER BY key`,
    ).run(JSON.stringify(rows));
    return Number(lastInsertRowid) - events.length + 1;
  }

  raiseSequencesOf(nos: readonly number[]): void {
    this.#run(
      `UPDATE seat SET sequence = sequence + more.count
       FROM (SELECT value AS no, count(*) AS count FROM json_each(?) GROUP BY value) AS more WHERE seat.no = more.no`,
      JSON.stringify(nos),
    );
  }

  eventBody(id: number): string | null {
    const row = this.#one("SELECT text FROM body WHERE id = (SELECT body FROM event WHERE id = ?)", id);
    return row === undefined ? null : String(row.text);
  }

  pruneEvents(upTo: number): void {
    this.#run("DELETE FROM event WHERE id <= ?", upTo);
    this.#run("DELETE FROM body WHERE id < coalesce((SELECT min(body) FROM event), (SELECT max(id) FROM body))");
  }

  statement(sha256: string): string | null {
    const row = this.#one("SELECT text FROM statement WHERE sha256 = ?", sha256);
    return row === undefined ? null : String(row.text);
  }

  putStatement(sha256: string, no: number, text: string, atUs: number, keep: readonly string[]): void {
    this.#run("INSERT INTO statement VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", sha256, no, text, atUs);
    this.#run(
      `DELETE FROM statement WHERE no = ?1 AND sha256 NOT IN (SELECT value FROM json_each(?2)) AND sha256 NOT IN
         (SELECT sha256 FROM statement WHERE no = ?1 ORDER BY at_us DESC LIMIT 3)`,
      no,
      JSON.stringify([...keep, sha256]),
    );
  }

  tokens(): TokenRow[] {
    return this.#all("SELECT * FROM token ORDER BY created_us DESC, id").map(tokenOf);
  }

  token(id: string): TokenRow | null {
    const row = this.#one("SELECT * FROM token WHERE id = ?", id);
    return row === undefined ? null : tokenOf(row);
  }

  putToken(token: TokenRow): void {
    this.#run(
      `INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET secret = excluded.secret, uses_left = excluded.uses_left,
         revoked_us = excluded.revoked_us`,
      token.id,
      token.secret,
      token.label,
      token.group,
      token.uses,
      token.usesLeft,
      token.createdUs,
      token.createdBy,
      token.expiresUs,
      token.revokedUs,
    );
  }

  deleteToken(id: string): void {
    this.#run("DELETE FROM token WHERE id = ?", id);
    this.#run("DELETE FROM token_use WHERE token = ?", id);
  }

  tokenUses(): TokenUse[] {
    return this.#all("SELECT * FROM token_use ORDER BY at_us").map(tokenUseOf);
  }

  tokenUse(tokenId: string, nodeId: NodeId): TokenUse | null {
    const row = this.#one("SELECT * FROM token_use WHERE token = ? AND node_id = ?", tokenId, nodeId);
    return row === undefined ? null : tokenUseOf(row);
  }

  putTokenUse({ tokenId, nodeId, atUs }: TokenUse): void {
    this.#run(
      "INSERT INTO token_use VALUES (?, ?, ?) ON CONFLICT (token, node_id) DO UPDATE SET at_us = excluded.at_us",
      tokenId,
      nodeId,
      atUs,
    );
  }

  mail(from: number, to: number, typ: string): MailRow | null {
    const row = this.#one("SELECT * FROM mail WHERE to_no = ? AND from_no = ? AND typ = ?", to, from, typ);
    return row === undefined ? null : mailOf(row);
  }

  mailsTo(to: number, sequence: number, sinceUs: number): MailRow[] {
    return this.#all(
      "SELECT * FROM mail WHERE to_no = ? AND sequence > ? AND at_us >= ? ORDER BY sequence",
      to,
      sequence,
      sinceUs,
    ).map(mailOf);
  }

  putMail({ from, to, typ, text, sequence, atUs, again }: MailRow): void {
    this.#run(
      `INSERT INTO mail VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (to_no, from_no, typ) DO UPDATE SET
         text = excluded.text, sequence = excluded.sequence, at_us = excluded.at_us, again = excluded.again`,
      to,
      from,
      typ,
      text,
      sequence,
      atUs,
      again,
    );
  }

  deleteMails(about: { readonly node: number } | { readonly beforeUs: number }): void {
    if ("beforeUs" in about) this.#run("DELETE FROM mail WHERE at_us < ?", about.beforeUs);
    else this.#run("DELETE FROM mail WHERE to_no = ?1 OR from_no = ?1", about.node);
  }

  addReady(node: number, peer: number): void {
    this.#run("INSERT INTO ready VALUES (?, ?) ON CONFLICT DO NOTHING", node, peer);
  }

  clearReady(node: number): void {
    this.#run("DELETE FROM ready WHERE no = ?", node);
  }

  putRelay({ sessionId, a, b, portOfA, portOfB, expiresUs, openedUs }: RelayRow): void {
    this.#run(
      `INSERT INTO relay VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session_id) DO UPDATE SET
         port_a = excluded.port_a, port_b = excluded.port_b, expires_us = excluded.expires_us`,
      sessionId,
      a,
      b,
      portOfA,
      portOfB,
      expiresUs,
      openedUs,
    );
  }

  deleteRelay(sessionId: string): void {
    this.#run("DELETE FROM relay WHERE session_id = ?", sessionId);
  }

  keyObjects(): KeyObjectRow[] {
    return this.#all("SELECT kind, text FROM key_object ORDER BY id").map((row) => ({
      kind: String(row.kind) as KeyObjectRow["kind"],
      text: String(row.text),
    }));
  }

  addKeyObject({ kind, text }: KeyObjectRow): void {
    this.#run("INSERT INTO key_object (kind, text) VALUES (?, ?)", kind, text);
  }

  addSeen(jti: string, expUs: number): boolean {
    const { changes } = this.#statements.prepare("INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING").run(
      jti,
      expUs,
    );
    return Number(changes) === 1;
  }

  pruneSeen(beforeUs: number): void {
    this.#run("DELETE FROM seen WHERE exp_us < ?", beforeUs);
  }

  bytes(): number {
    return ["", "-wal"].reduce(
      (sum, suffix) => sum + (statSync(this.#path + suffix, { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #events(): EventRow[] {
    // of events for one node alone the bodies are read when they are sent
    const shared = "SELECT id, text FROM body WHERE id IN (SELECT body FROM event WHERE node = 0)";
    const bodies = new Map(this.#all(shared).map((row) => [Number(row.id), String(row.text)]));
    return this.#all("SELECT id, node, except_node, type, body, peer, psk FROM event ORDER BY id").map((row) => ({
      id: Number(row.id),
      node: Number(row.node),
      except: Number(row.except_node),
      type: String(row.type),
      body: row.body === null ? null : bodies.get(Number(row.body)) ?? null,
      peer: Number(row.peer),
      psk: Number(row.psk),
    }));
  }

  #bodyId(text: string): number {
    const known = this.#bodiesOfTransaction.get(text);
    if (known !== undefined) return known;
    const id = Number(this.#statements.prepare("INSERT INTO body (text) VALUES (?)").run(text).lastInsertRowid);
    this.#bodiesOfTransaction.set(text, id);
    return id;
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#statements.prepare(sql).run(...values);
  }

  #one(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statements.prepare(sql).get(...values) as Row | undefined;
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statements.prepare(sql).all(...values) as Row[];
  }
}

function nodeOf(row: Row): NodeRow {
  return {
    ...JSON.parse(String(row.data)) as Omit<NodeRow, "no" | "nodeId" | "name" | "meshIp">,
    no: Number(row.no),
    nodeId: String(row.node_id) as NodeId,
    name: String(row.name),
    meshIp: Number(row.mesh_ip),
  };
}

function tokenOf(row: Row): TokenRow {
  return {
    id: String(row.id),
    secret: row.secret instanceof Uint8Array ? row.secret : null,
    label: String(row.label),
    group: String(row.node_group),
    uses: Number(row.uses),
    usesLeft: Number(row.uses_left),
    createdUs: Number(row.created_us),
    createdBy: String(row.created_by),
    expiresUs: Number(row.expires_us),
    revokedUs: row.revoked_us === null ? null : Number(row.revoked_us),
  };
}

function tokenUseOf(row: Row): TokenUse {
  return { tokenId: String(row.token), nodeId: String(row.node_id) as NodeId, atUs: Number(row.at_us) };
}

function mailOf(row: Row): MailRow {
  return {
    from: Number(row.from_no),
    to: Number(row.to_no),
    typ: String(row.typ),
    text: String(row.text),
    sequence: Number(row.sequence),
    atUs: Number(row.at_us),
    again: Number(row.again),
  };
}
