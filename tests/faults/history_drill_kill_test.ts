import assert from "node:assert/strict";
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { tagId } from "../../src/tags/tag.ts";
import { HistoryFixture } from "../lib/history_fixture.ts";
import { waitFor } from "../lib/wait_for.ts";
import { clockAt, definitions, type DrillRow, rowsOf, rowWithTime, stepOf } from "./workers/history_drill_steps.ts";

const LIVES = 16;
/** Steps between two lives: more than one life gets through, so that no step is done twice; all lives within retention. */
const GAP = 10_000;

/** A life of the writing process. Steps it stored, and those that it has begun. */
interface Life {
  readonly first: number;
  /** The last step that was committed as a whole; `first − 1` when none was. */
  readonly kept: number;
  /** The last step that was begun. */
  readonly did: number;
}

/** Lets the process store steps; kills it `afterMs` behind its line number `lines`. */
async function live(dir: string, first: number, lines: number, afterMs: number): Promise<Life> {
  const script = fileURLToPath(new URL("./workers/history_drill_ingest.ts", import.meta.url));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, dir, String(first)],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let text = "";
  let seen = 0;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    seen += chunk.split("\n").length - 1;
    if (seen >= lines) timer ??= setTimeout(() => child.kill("SIGKILL"), afterMs);
  }
  const { signal } = await child.status;
  clearTimeout(timer);
  assert.equal(signal, "SIGKILL", `the writer ended by itself: ${text.slice(-500)}\n${await errors}`);
  await errors;
  // the last line may be cut short
  const told = text.split("\n").slice(0, -1).map((line) => line.split(" "));
  const last = (word: string) => Number(told.findLast(([first]) => first === word)?.[1] ?? first - 1);
  return { first, kept: last("kept"), did: last("did") };
}

/** What SQLite says about a copy of the file and its log, as the kill has left them. */
function integrityOf(path: string, folder: string): string {
  const copy = join(folder, "copy.db");
  for (const suffix of ["", "-wal"]) if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  const db = new DatabaseSync(copy);
  try {
    return (db.prepare("PRAGMA integrity_check").get() as { integrity_check: string }).integrity_check;
  } finally {
    db.close();
  }
}

async function rowsIn({ history }: HistoryFixture, name: string): Promise<DrillRow[]> {
  const group = definitions.find((definition) => definition.name === name)?.group ?? "";
  const rows: DrillRow[] = [];
  let after: { timeUs: number } | undefined;
  do {
    const page = await history.queries.readRaw({
      tagId: tagId(group, name),
      fromUs: null,
      toUs: null,
      direction: "forward",
      limit: 5000,
      after,
    });
    for (let i = 0; i < page.count; i++) {
      rows.push({
        timeUs: page.timesUs[i] as number,
        serverUs: page.serverTimesUs[i] as number,
        quality: page.qualities[i] as number,
        flags: page.flags[i] as number,
        value: page.values[i] as number | string,
      });
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
  return rows;
}

Deno.test("a history killed at any moment keeps every row that it said is committed, and no other", async () => {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-kill-" });
  const copies = await Deno.makeTempDir({ prefix: "edgekeep-kill-" });
  try {
    const lives: Life[] = [];
    const kills: string[] = [];
    for (let n = 0; n < LIVES; n++) {
      // some die while they open the file, most somewhere in the first few hundred steps
      const lines = n % 5 === 4 ? 0 : 1 + Math.floor(Math.random() ** 2 * 400);
      const afterMs = Math.random() * (lines === 0 ? 600 : 30);
      kills.push(`${lines} lines + ${afterMs.toFixed(1)} ms`);
      lives.push(await live(dir, n * GAP, lines, afterMs));
    }
    const told = `killed after ${kills.join(", ")}`;
    const path = join(dir, "history.db");
    assert.equal(integrityOf(path, copies), "ok", told);

    await using fixture = await HistoryFixture.open({ dir, definitions });
    fixture.clock.nowUs = clockAt(LIVES * GAP);
    await waitFor("the integrity check", () => fixture.history.writer.status().integrity === "ok");
    assert.deepEqual(fixture.faults.list(), [], told);
    let acknowledged = 0;
    for (const { name } of definitions) {
      const rows = await rowsIn(fixture, name);
      const byTime = new Map(rows.map((row) => [row.timeUs, row]));
      assert.equal(byTime.size, rows.length, `${name} has a time twice; ${told}`);
      for (const { first, kept } of lives) {
        for (const row of rowsOf(name, first, kept)) {
          assert.deepEqual(byTime.get(row.timeUs), row, `a lost row of ${name}; ${told}`);
          acknowledged++;
        }
      }
      for (const row of rows) {
        assert.deepEqual(row, rowWithTime(name, row.timeUs), `an invented row of ${name}; ${told}`);
        const step = stepOf(row);
        assert.ok(lives.some(({ first, did }) => step >= first && step <= did), `a row of no step of ${name}; ${told}`);
      }
      if (name === "state") assertOnlyChanges(rows, told);
    }
    assert.ok(acknowledged > 1000, `only ${acknowledged} rows were stored; ${told}`);
    await fixture.stop();
    assert.equal(integrityOf(path, copies), "ok", told);
  } finally {
    for (const folder of [dir, copies]) await Deno.remove(folder, { recursive: true });
  }
});

/** Two rows of a change-only tag in one life are never the same. */
function assertOnlyChanges(rows: readonly DrillRow[], told: string): void {
  for (const [i, row] of rows.entries()) {
    const before = rows[i - 1];
    if (before === undefined) continue;
    assert.notEqual(row.value, before.value, `an unchanged value of a change-only tag; ${told}`);
  }
}
