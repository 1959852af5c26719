import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { tagUpdate } from "../../src/tags/tag.ts";
import { HistoryFixture, historyTag, SECOND_US, T0 } from "../lib/history_fixture.ts";
import { programPath, requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";

const definitions = [historyTag({ type: "String", dataType: "String" })];
/** Samples that may wait in memory. */
const MOST_WAITING = 300;

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(programPath(program) ?? program, { args }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** Runs `work` with a small disk of its own. */
async function withDisk(options: string, work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-disk-" });
  try {
    await run("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir);
    try {
      await work(dir);
    } finally {
      // a reader that was still starting when it was ended lets go of the file a little later
      await waitFor("the disk to be left", () => run("umount", dir).then(() => true));
    }
  } finally {
    await Deno.remove(dir);
  }
}

/** Stores sample `n`, a text of 1 KB that does not pack, and lets it be committed. */
function store({ tags, clock, history, tag }: HistoryFixture, n: number): void {
  clock.nowUs = T0 + n * SECOND_US;
  tags.update([tagUpdate(tag, textOf(n), clock.nowUs)]);
  assert.equal(tag.value, textOf(n), "live goes on");
  assert.ok(history.writer.status().rowsPending <= MOST_WAITING, "what waits is bounded");
}

function textOf(n: number): string {
  return Array.from({ length: 64 }, (_, i) => Math.sin(n * 64 + i).toFixed(14)).join("");
}

async function stored({ history, tag }: HistoryFixture): Promise<number[]> {
  const query = { tagId: tag.id, fromUs: null, toUs: null, direction: "forward", limit: 100_000 } as const;
  const { timesUs, values } = await history.queries.readRaw(query);
  return Array.from(timesUs, (timeUs, i) => {
    const n = (timeUs - T0) / SECOND_US;
    assert.equal(values[i], textOf(n));
    return n;
  });
}

function writeFault({ faults }: HistoryFixture): string | undefined {
  return faults.list().find(({ code }) => code === "history_write_failed")?.detail;
}

/** Takes all the space that is left. */
function fill(path: string): void {
  using file = Deno.openSync(path, { create: true, append: true });
  for (const size of [65_536, 4096]) {
    try {
      for (;;) file.writeSync(new Uint8Array(size));
    } catch (error) {
      if (!(error instanceof Error && /space/.test(error.message))) throw error;
    }
  }
}

const span = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

Deno.test({
  name: "a full disk: samples wait, the oldest go beyond the limit, and the rest is stored when there is space again",
  ...requires("root"),
  fn: () =>
    withDisk("size=4m,mode=0700", async (dir) => {
      const filler = join(dir, "filler");
      await using fixture = await HistoryFixture.open({
        dir,
        definitions,
        storage: { flush_ms: 5 },
        maxPending: MOST_WAITING,
      });
      const { history, faults, clock } = fixture;
      for (const n of span(0, 100)) store(fixture, n);
      history.writer.flush();

      fill(filler);
      for (const n of span(100, 200)) store(fixture, n);
      await waitFor("the fault", () => writeFault(fixture));
      assert.deepEqual(await stored(fixture), span(0, 200), "what waits can be read");
      Deno.removeSync(filler);
      await waitFor("the recovery", () => writeFault(fixture) === undefined);
      assert.equal(history.writer.status().rowsPending, 0);

      fill(filler);
      for (const n of span(200, 1200)) store(fixture, n);
      await waitFor("the fault", () => writeFault(fixture));
      const { rowsPending } = history.writer.status();
      assert.ok(rowsPending > MOST_WAITING / 2, `${rowsPending} samples wait`);
      Deno.removeSync(filler);
      await waitFor("the recovery", () => writeFault(fixture) === undefined);
      assert.equal(history.writer.status().rowsPending, 0);

      await fixture.restart();
      const kept = await stored(fixture);
      const waited = kept.filter((n) => n >= 200);
      assert.deepEqual(kept.filter((n) => n < 200), span(0, 200));
      assert.deepEqual(waited, span(1200 - waited.length, 1200), "the newest are kept, without a gap");
      assert.ok(waited.length >= rowsPending, `${waited.length} of ${rowsPending}`);
      await waitFor("no fault", () => faults.list().length === 0);
      clock.nowUs += SECOND_US;
      await fixture.stop();
      const db = new DatabaseSync(fixture.path);
      try {
        assert.deepEqual(Object.values(db.prepare("PRAGMA integrity_check").get() ?? {}), ["ok"]);
      } finally {
        db.close();
      }
    }),
});

for (const existing of [false, true]) {
  Deno.test({
    name: `a read-only disk ${existing ? "with" : "without"} a history is refused with exit code 6`,
    ...requires("root"),
    fn: () =>
      withDisk("size=4m,mode=0700", async (dir) => {
        if (existing) {
          await using fixture = await HistoryFixture.open({ dir, definitions });
          store(fixture, 1);
          // packed rows come from the reader: one that still starts would be cut off, and leave the log of the file
          await fixture.history.tidy();
          assert.deepEqual(await stored(fixture), [1]);
        }
        await run("mount", "-o", "remount,ro", dir);
        await assert.rejects(
          () => HistoryFixture.open({ dir, definitions }),
          (error: Error & { exitCode?: number; code?: string }) => {
            assert.equal(error.exitCode, 6);
            assert.equal(error.code, "EROFS");
            assert.match(error.message, /^Cannot open the history file '.*history\.db'/);
            return true;
          },
        );
        const files = [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) => name !== "backup");
        assert.deepEqual(files, existing ? ["history.db"] : []);
      }),
  });
}

Deno.test({
  name: "a disk that is full from the start is refused with exit code 6, and nothing is set aside",
  ...requires("root"),
  fn: () =>
    withDisk("size=1m,mode=0700", async (dir) => {
      fill(join(dir, "filler"));
      await assert.rejects(
        () => HistoryFixture.open({ dir, definitions }),
        (error: Error & { exitCode?: number }) => error.exitCode === 6,
      );
      assert.ok([...Deno.readDirSync(dir)].every(({ name }) => !name.includes("corrupt")));
      Deno.removeSync(join(dir, "filler"));
      await using fixture = await HistoryFixture.open({ dir, definitions });
      store(fixture, 1);
      fixture.history.writer.flush();
      assert.deepEqual(await stored(fixture), [1]);
    }),
});
