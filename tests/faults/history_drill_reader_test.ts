import assert from "node:assert/strict";
import { join } from "node:path";
import { HistoryUnavailableError } from "../../src/history/history.ts";
import { tagUpdate } from "../../src/tags/tag.ts";
import { HistoryFixture, SECOND_US, T0 } from "../lib/history_fixture.ts";
import { waitFor } from "../lib/wait_for.ts";

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

Deno.test("a reader that crashes: calls under way are refused, it comes back, storing goes on", async () => {
  await using fixture = await HistoryFixture.open({ readerUrl });
  const { history, faults, tag } = fixture;
  const readerFault = () => faults.list().find(({ code }) => code === "history_reader_down");
  store(fixture, 0, 100);
  await history.tidy();
  assert.deepEqual(await read(fixture), upTo(100));

  for (const round of [1, 2]) {
    const crash = join(fixture.dir, "crash");
    Deno.writeTextFileSync(crash, "");
    const bucketUs = 60 * SECOND_US;
    const calls = [
      read(fixture),
      read(fixture),
      history.queries.readBuckets({ tagId: tag.id, fromUs: T0, toUs: T0 + 10 * bucketUs, bucketUs }),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      assert.equal(outcome.status, "rejected");
      assert.ok(outcome.reason instanceof HistoryUnavailableError, String(outcome.reason));
    }
    const fault = readerFault();
    assert.match(fault?.detail ?? "", /The drill ends this reader/);
    // no worker, no reading of packed rows; storing does not care
    await assert.rejects(() => read(fixture), HistoryUnavailableError);
    store(fixture, 100 * round, 100 * (round + 1));
    assert.equal(history.writer.status().rowsPending, 0);
    Deno.removeSync(crash);
    await waitFor("the reader", () => readerFault() === undefined);
    assert.deepEqual(await read(fixture), upTo(100 * (round + 1)));
  }
  assert.deepEqual(faults.list(), []);
});

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
