import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TagId, tagUpdate } from "../../src/tags/tag.ts";
import { HistoryFixture, historyTag, SECOND_US, T0 } from "../lib/history_fixture.ts";
import { waitFor } from "../lib/wait_for.ts";

const PAGE = 4096;
const ROWS = 6000;
const definitions = ["a", "b", "c"].map((name) => historyTag({ name }));

/** The value of row `n` of the tag with this index: noise, so that many rows need many pages. */
function valueOf(tag: number, n: number): number {
  return Math.sin(n * 12.9898 + tag) * 43758.5453 % 1;
}

function rowAt(tag: number, n: number): [number, number] {
  return [T0 + n * SECOND_US, valueOf(tag, n)];
}

/** Writes the rows `from … to)` of every tag. */
function ingest({ tags, clock, history }: HistoryFixture, from: number, to: number): void {
  for (let n = from; n < to; n++) {
    clock.nowUs = T0 + n * SECOND_US;
    tags.update([...tags.list()].map((tag, i) => tagUpdate(tag, valueOf(i, n), clock.nowUs)));
  }
  history.writer.flush();
}

/** All rows of a tag by time. */
async function rowsIn({ history }: HistoryFixture, tagId: TagId): Promise<Map<number, number>> {
  const query = { tagId, fromUs: null, toUs: null, direction: "forward", limit: 1_000_000 } as const;
  const { timesUs, values } = await history.queries.readRaw(query);
  return new Map(Array.from(timesUs, (timeUs, i) => [timeUs, values[i] as number]));
}

/** A sound file with all rows packed, closed in order. Made once. */
const soundFile = (() => {
  let made: Promise<Uint8Array<ArrayBuffer>> | undefined;
  return () =>
    made ??= (async () => {
      await using fixture = await HistoryFixture.open({ definitions });
      ingest(fixture, 0, ROWS);
      await fixture.history.tidy();
      await fixture.stop();
      // no free pages: every page holds something
      const db = new DatabaseSync(fixture.path);
      db.exec("VACUUM");
      db.close();
      return Deno.readFileSync(fixture.path);
    })();
})();

interface Block {
  readonly series: number;
  readonly t0: number;
  readonly t1: number;
}

/** The blocks of the sound file that SQLite still gives as they were from a damaged one. */
function readableBlocks(sound: Uint8Array, damaged: Uint8Array, folder: string): Block[] {
  const open = (name: string, bytes: Uint8Array) => {
    const path = join(folder, name);
    Deno.writeFileSync(path, bytes);
    return new DatabaseSync(path);
  };
  const before = open("sound.db", sound);
  const after = open("damaged.db", damaged);
  try {
    const one = after.prepare("SELECT data FROM block WHERE id = ?");
    const same = (id: unknown, data: unknown) => {
      try {
        return Buffer.compare(one.get(id as number)?.data as Uint8Array, data as Uint8Array) === 0;
      } catch {
        return false;
      }
    };
    return before.prepare("SELECT id, series, t0, t1, data FROM block").all()
      .filter(({ id, data }) => same(id, data))
      .map(({ series, t0, t1 }) => ({ series: Number(series), t0: Number(t0), t1: Number(t1) }));
  } finally {
    before.close();
    after.close();
  }
}

/** The pages with the table of tags and with its index. */
function pagesOfNames(sound: Uint8Array, folder: string): [number, number] {
  const path = join(folder, "names.db");
  Deno.writeFileSync(path, sound);
  const db = new DatabaseSync(path);
  const pages = db.prepare("SELECT rootpage AS page FROM sqlite_schema WHERE tbl_name = 'series' ORDER BY rootpage")
    .all();
  db.close();
  const [table, index] = pages.map(({ page }) => Number(page));
  assert.ok(table !== undefined && index !== undefined);
  return [table, index];
}

const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Files that were set aside, without what SQLite puts beside them. */
function asides(fixture: HistoryFixture): string[] {
  return [...Deno.readDirSync(fixture.dir)].map(({ name }) => name)
    .filter((name) => name.includes(".corrupt-") && !/-(wal|shm)$/.test(name));
}

/** The set-aside file is there once, byte by byte as it was. */
function assertSetAside(fixture: HistoryFixture, bytes: Uint8Array): string {
  const names = asides(fixture);
  assert.equal(names.length, 1, names.join());
  const path = join(fixture.dir, names[0] as string);
  const found = Deno.readFileSync(path);
  const first = found.findIndex((byte, i) => byte !== bytes[i]);
  assert.equal(
    digest(found),
    digest(bytes),
    `${found.length} bytes of ${bytes.length}, the first other one at ${first}`,
  );
  return path;
}

function faultText({ faults }: HistoryFixture): string | undefined {
  return faults.list().find(({ code }) => code === "history_corrupt")?.detail;
}

/** New rows are stored, from memory and packed, and still there after a restart. */
async function assertWorks(fixture: HistoryFixture): Promise<void> {
  ingest(fixture, ROWS, ROWS + 100);
  await fixture.history.tidy();
  for (const restarted of [false, true]) {
    if (restarted) await fixture.restart();
    for (const [i, tag] of [...fixture.tags.list()].entries()) {
      const rows = await rowsIn(fixture, tag.id);
      for (let n = ROWS; n < ROWS + 100; n++) assert.equal(rows.get(T0 + n * SECOND_US), valueOf(i, n));
    }
  }
  const { writer } = fixture.history;
  assert.equal(writer.status().rowsPending, 0);
}

/** Rows that lie in `blocks` are there, and none that was never stored. */
async function assertRecovered(fixture: HistoryFixture, blocks: readonly Block[]): Promise<number> {
  let recovered = 0;
  for (const [i, tag] of [...fixture.tags.list()].entries()) {
    const rows = await rowsIn(fixture, tag.id);
    const ofTag = blocks.filter(({ series }) => series === i + 1);
    for (let n = 0; n < ROWS; n++) {
      const [timeUs, value] = rowAt(i, n);
      const found = rows.get(timeUs);
      if (found !== undefined) assert.equal(found, value);
      else if (ofTag.some(({ t0, t1 }) => t0 <= timeUs && timeUs <= t1)) {
        assert.fail(`row ${n} of ${tag.id} is missing`);
      }
      if (found !== undefined) recovered++;
    }
    const last = T0 + ROWS * SECOND_US;
    for (const timeUs of rows.keys()) assert.ok(timeUs >= T0 && (timeUs - T0) % SECOND_US === 0 && timeUs < last + 1e9);
  }
  return recovered;
}

/** Opens a history over a file with these bytes. */
async function openOver(dir: string, bytes: Uint8Array): Promise<HistoryFixture> {
  Deno.writeFileSync(join(dir, "history.db"), bytes);
  return await HistoryFixture.open({ dir, definitions });
}

function drill(name: string, run: (dir: string, sound: Uint8Array<ArrayBuffer>) => Promise<void>): void {
  Deno.test(`damaged history: ${name}`, async () => {
    const dir = await Deno.makeTempDir({ prefix: "edgekeep-damage-" });
    try {
      await run(dir, await soundFile());
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
}

for (const [what, bytes] of [["text", "this is no database\n".repeat(2000)], ["five bytes", "hello"]] as const) {
  drill(`a file that is no database (${what}) is set aside`, async (dir) => {
    const junk = new TextEncoder().encode(bytes);
    await using fixture = await openOver(dir, junk);
    await waitFor("the fault", () => faultText(fixture));
    await assertWorks(fixture);
    assertSetAside(fixture, junk);
  });
}

drill("an empty file is used as it is", async (dir) => {
  await using fixture = await openOver(dir, new Uint8Array());
  await assertWorks(fixture);
  assert.deepEqual(asides(fixture), []);
  assert.deepEqual(fixture.faults.list(), []);
  const { mode } = await Deno.stat(fixture.path);
  assert.equal((mode ?? 0) & 0o777, 0o600);
});

drill("a file that was cut short is set aside, its first half recovered", async (dir, sound) => {
  const cut = Math.floor(sound.length / PAGE / 2) * PAGE;
  const half = sound.slice(0, cut + 1234);
  await using fixture = await openOver(dir, half);
  await waitFor("the salvage", () => faultText(fixture)?.includes("recovered"));
  const padded = new Uint8Array(sound.length);
  padded.set(half.subarray(0, cut));
  const blocks = readableBlocks(sound, padded, await Deno.makeTempDir({ dir }));
  const recovered = await assertRecovered(fixture, blocks);
  assert.ok(recovered > ROWS && recovered < 3 * ROWS, `${recovered} rows; ${faultText(fixture)}`);
  await assertWorks(fixture);
  assertSetAside(fixture, half);
});

for (const share of [0.04, 0.2]) {
  drill(`${share * 100} % of the pages overwritten: the rows of all others are recovered`, async (dir, sound) => {
    const damaged = sound.slice();
    const pages = sound.length / PAGE;
    const [namesPage, namesIndexPage] = pagesOfNames(sound, dir);
    const hit: number[] = [];
    for (let page = 2; page <= pages; page++) {
      if (Math.random() >= share && page !== Math.floor(pages / 2)) continue;
      // the names of the tags lie in the table and in its index: without both nobody knows whose rows they are
      if (page === namesIndexPage && hit.includes(namesPage)) continue;
      crypto.getRandomValues(damaged.subarray((page - 1) * PAGE, page * PAGE));
      hit.push(page);
    }
    const told = `pages ${hit.join()} of ${pages}`;
    const blocks = readableBlocks(sound, damaged, await Deno.makeTempDir({ dir }));
    await using fixture = await openOver(dir, damaged);
    await waitFor(`the salvage; ${told}`, async () => {
      // whoever reads runs into the damage; nobody has to look for it
      for (const { id } of fixture.tags.list()) await rowsIn(fixture, id).catch(() => {});
      return faultText(fixture)?.includes("ecovered");
    });
    try {
      await assertRecovered(fixture, blocks);
      await assertWorks(fixture);
      assertSetAside(fixture, damaged);
    } catch (error) {
      throw new Error(`${told}; ${faultText(fixture)}`, { cause: error });
    }
  });
}

drill("a file of a newer schema is set aside whole, its rows are taken over", async (dir, sound) => {
  const path = join(dir, "history.db");
  Deno.writeFileSync(path, sound);
  const db = new DatabaseSync(path);
  db.exec("PRAGMA journal_mode = DELETE; PRAGMA user_version = 99");
  db.close();
  const newer = Deno.readFileSync(path);
  await using fixture = await openOver(dir, newer);
  await waitFor("the salvage", () => faultText(fixture)?.includes("recovered"));
  assert.equal(await assertRecovered(fixture, []), 3 * ROWS);
  await assertWorks(fixture);
  assertSetAside(fixture, newer);
});

drill(
  "the log of another program's database beside the file: both are set aside, all rows recovered",
  async (dir, sound) => {
    const other = new DatabaseSync(join(dir, "other.db"));
    other.exec("PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE it (n)");
    for (let n = 0; n < 50; n++) other.exec(`INSERT INTO it VALUES (randomblob(3000))`);
    const log = Deno.readFileSync(join(dir, "other.db-wal"));
    other.close();
    Deno.writeFileSync(join(dir, "history.db-wal"), log);
    await using fixture = await openOver(dir, sound);
    await waitFor("the salvage", () => faultText(fixture)?.includes("ecovered"));
    assert.equal(await assertRecovered(fixture, []), 3 * ROWS, faultText(fixture) ?? "");
    await assertWorks(fixture);
    const aside = assertSetAside(fixture, sound);
    assert.equal(digest(Deno.readFileSync(`${aside}-wal`)), digest(log), "the bytes of the log");
  },
);

drill("a sound file has the page size and the free-page bookkeeping that it was made for", (dir, sound) => {
  const path = join(dir, "history.db");
  Deno.writeFileSync(path, sound);
  const db = new DatabaseSync(path);
  const setting = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  try {
    assert.deepEqual(["page_size", "auto_vacuum", "journal_mode"].map(setting), [4096, 2, "wal"]);
  } finally {
    db.close();
  }
  return Promise.resolve();
});
