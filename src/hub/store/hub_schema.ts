import type { Migration } from "../../history/migrations.ts";

/** `EKHB`: tells the hub's file from other SQLite files (PRAGMA application_id). */
export const HUB_APPLICATION_ID = 0x454b4842;

/** The schema, step by step. */
export const hubSteps: readonly Migration[] = [
  {
    name: "nodes, sequences, events, tokens, mail, relays, keys",
    up(db) {
      db.exec(`
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE node (
          no INTEGER PRIMARY KEY AUTOINCREMENT,
          node_id TEXT NOT NULL UNIQUE,
          name TEXT NOT NULL UNIQUE COLLATE NOCASE,
          mesh_ip INTEGER NOT NULL UNIQUE,
          data TEXT NOT NULL
        ) STRICT;
        CREATE TABLE node_key (
          kind TEXT NOT NULL,
          sha256 TEXT NOT NULL,
          no INTEGER NOT NULL,
          PRIMARY KEY (kind, sha256)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX node_key_by_node ON node_key (no);
        CREATE TABLE seat (no INTEGER PRIMARY KEY, sequence INTEGER NOT NULL) STRICT;
        CREATE TABLE body (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
        CREATE TABLE event (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          node INTEGER NOT NULL,
          except_node INTEGER NOT NULL,
          type TEXT NOT NULL,
          body INTEGER,
          peer INTEGER NOT NULL,
          psk INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE statement (
          sha256 TEXT PRIMARY KEY,
          no INTEGER NOT NULL,
          text TEXT NOT NULL,
          at_us INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX statement_by_node ON statement (no, at_us);
        CREATE TABLE token (
          id TEXT PRIMARY KEY,
          secret BLOB,
          label TEXT NOT NULL,
          node_group TEXT NOT NULL,
          uses INTEGER NOT NULL,
          uses_left INTEGER NOT NULL CHECK (uses_left BETWEEN 0 AND uses),
          created_us INTEGER NOT NULL,
          created_by TEXT NOT NULL,
          expires_us INTEGER NOT NULL,
          revoked_us INTEGER
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE token_use (
          token TEXT NOT NULL,
          node_id TEXT NOT NULL,
          at_us INTEGER NOT NULL,
          PRIMARY KEY (token, node_id)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE mail (
          to_no INTEGER NOT NULL,
          from_no INTEGER NOT NULL,
          typ TEXT NOT NULL,
          text TEXT NOT NULL,
          sequence INTEGER NOT NULL,
          at_us INTEGER NOT NULL,
          again INTEGER NOT NULL,
          PRIMARY KEY (to_no, from_no, typ)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX mail_by_sender ON mail (from_no);
        CREATE INDEX mail_by_time ON mail (at_us);
        CREATE TABLE ready (no INTEGER NOT NULL, peer INTEGER NOT NULL, PRIMARY KEY (no, peer)) STRICT, WITHOUT ROWID;
        CREATE TABLE relay (
          session_id TEXT PRIMARY KEY,
          a INTEGER NOT NULL,
          b INTEGER NOT NULL,
          port_a INTEGER NOT NULL,
          port_b INTEGER NOT NULL,
          expires_us INTEGER NOT NULL,
          opened_us INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE key_object (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL) STRICT;
        CREATE TABLE seen (jti TEXT PRIMARY KEY, exp_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE INDEX seen_by_end ON seen (exp_us);
      `);
    },
  },
];
