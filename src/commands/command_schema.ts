import type { Migration } from "../history/migrations.ts";

/** `EDKC`: tells our files from other SQLite files (PRAGMA application_id). */
export const APPLICATION_ID = 0x45444b43;

/** The schema of `commands.db`, step by step. Never changed after a release. */
export const commandSteps: readonly Migration[] = [
  {
    name: "commands and their steps",
    up(db) {
      // open, done: what the indexes need of the state; intention_us, queue_before: see device_lane.ts
      db.exec(`
        CREATE TABLE command (
          sequence INTEGER PRIMARY KEY AUTOINCREMENT,
          id TEXT NOT NULL UNIQUE,
          dev_eui TEXT NOT NULL,
          command TEXT NOT NULL,
          arguments TEXT NOT NULL,
          state TEXT NOT NULL,
          detail TEXT,
          open INTEGER NOT NULL,
          done INTEGER NOT NULL,
          confirmed INTEGER NOT NULL,
          f_port INTEGER NOT NULL,
          payload_hex TEXT,
          payload_object TEXT,
          by_name TEXT NOT NULL,
          by_address TEXT NOT NULL,
          by_transport TEXT NOT NULL,
          sender TEXT NOT NULL,
          idempotency_key TEXT,
          intention_us INTEGER,
          queue_before TEXT,
          queue_item_id TEXT,
          created_us INTEGER NOT NULL,
          updated_us INTEGER NOT NULL,
          deadline_us INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX command_of_device ON command (dev_eui, sequence);
        CREATE INDEX command_of_definition ON command (dev_eui, command, sequence);
        CREATE INDEX command_of_name ON command (command, sequence);
        CREATE INDEX command_done ON command (dev_eui, command, sequence) WHERE done = 1;
        CREATE INDEX command_open ON command (sequence) WHERE open = 1;
        CREATE INDEX command_key ON command (dev_eui, idempotency_key, sequence) WHERE idempotency_key IS NOT NULL;
        CREATE INDEX command_item ON command (queue_item_id) WHERE queue_item_id IS NOT NULL;
        CREATE INDEX command_created ON command (created_us);
        CREATE INDEX command_ended ON command (updated_us) WHERE open = 0;
        CREATE INDEX command_unknown ON command (updated_us) WHERE state = 'unknown';
        CREATE TABLE step (
          sequence INTEGER NOT NULL REFERENCES command (sequence) ON DELETE CASCADE,
          number INTEGER NOT NULL,
          state TEXT NOT NULL,
          time_us INTEGER NOT NULL,
          detail TEXT,
          PRIMARY KEY (sequence, number)
        ) STRICT, WITHOUT ROWID;
      `);
    },
  },
];
