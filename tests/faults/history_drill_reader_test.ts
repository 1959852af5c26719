import assert from "node:assert/strict";
import { join } from "node:path";
import { HistoryUnavailableError } from "../../src/history/history.ts";
import { tagUpdate } from "../../src/tags/tag.ts";
import { HistoryFixture, SECOND_US, T0 } from "../lib/history_fixture.ts";

const readerUrl = new URL("./workers/history_drill_reader.ts", import.meta.url);

function store({ tags, clock, tag, history }: HistoryFixture, from: number, to: number): void {
  for (let n = from; n < to; n++) {
    clock.nowUs = T0 + n * SECOND_US;
    tags.update([tagUpdate(tag, n, clock.nowUs)]);
  }
  history.writer.flush();
}

/** Reads packed rows, for which the worker is needed. */
async function read({ history, tag }: HistoryFixture): Promise<number[]> {
  const query = { tagId: tag.id, fromUs: null, toUs: null, direction: "forward", limit: 100_000 } as const;
  return Array.from((await history.queries.readRaw(query)).values as Float64Array);
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

Deno.test("a job whose worker crashes is refused, and the next one gets a worker of its own", async () => {
  await using fixture = await HistoryFixture.open({ readerUrl });
  const { history, dir, faults } = fixture;
  store(fixture, 0, 100);
  const crash = join(dir, "crash");
  const target = join(dir, "backup", "copy.db");
  Deno.writeTextFileSync(crash, "");
  await assert.rejects(() => history.queries.backup(target), HistoryUnavailableError);
  Deno.removeSync(crash);
  assert.deepEqual([...Deno.readDirSync(join(dir, "backup"))], []);
  assert.ok(await history.queries.backup(target) > 0);
  assert.deepEqual(faults.list(), []);
});

Deno.test("a history can be stopped while its reader is away", async () => {
  const fixture = await HistoryFixture.open({ readerUrl });
  try {
    store(fixture, 0, 100);
    await fixture.history.tidy();
    Deno.writeTextFileSync(join(fixture.dir, "crash"), "");
    await assert.rejects(() => read(fixture), HistoryUnavailableError);
    store(fixture, 100, 200);
    Deno.removeSync(join(fixture.dir, "crash"));
    await fixture.restart();
    assert.deepEqual(await read(fixture), upTo(200));
  } finally {
    await fixture[Symbol.asyncDispose]();
  }
});
