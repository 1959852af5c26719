import assert from "node:assert/strict";
import { HistoryUnavailableError } from "../../src/history/history.ts";
import { tagUpdate } from "../../src/tags/tag.ts";
import { HistoryFixture, SECOND_US, T0 } from "../lib/history_fixture.ts";
import { waitFor } from "../lib/wait_for.ts";

const worker = (name: string) => new URL(`./workers/${name}.ts`, import.meta.url);

function ingest({ tags, tag, clock, history }: HistoryFixture, from: number, to: number): void {
  for (let n = from; n < to; n++) {
    clock.nowUs = T0 + n * SECOND_US;
    tags.update([tagUpdate(tag, n, clock.nowUs)]);
  }
  history.writer.flush();
}

Deno.test("a reader that crashes is a fault, its callers are told, storing goes on, and it comes back by itself", async () => {
  await using fixture = await HistoryFixture.open({ readerUrl: worker("history_crashing_reader") });
  const { history, faults, tag, path } = fixture;
  const all = { tagId: tag.id, fromUs: null, toUs: null, direction: "forward", limit: 100_000 } as const;
  ingest(fixture, 0, 500);
  await history.tidy();
  assert.equal((await history.queries.readRaw(all)).count, 500);

  Deno.writeTextFileSync(`${path}.crash`, "");
  const asked: Promise<string>[] = [];
  const fault = await waitFor("the fault", () => {
    asked.push(history.queries.readRaw(all).then(() => "read", (error) => (error as Error).name));
    return faults.list().find(({ code }) => code === "history_reader_down");
  });
  assert.match(fault.detail, /pulls the plug/);
  await waitFor("a refused read", async () => {
    asked.push(history.queries.readRaw(all).then(() => "read", (error) => (error as Error).name));
    return (await Promise.all(asked)).includes("HistoryUnavailableError");
  });
  for (const answer of await Promise.all(asked)) {
    assert.ok(["read", "HistoryUnavailableError"].includes(answer), answer);
  }

  ingest(fixture, 500, 600);
  const newest = await history.queries.readRaw({ ...all, direction: "reverse", limit: 100 });
  assert.equal(newest.values[99], 500, "what lies in memory is read without a reader");

  Deno.removeSync(`${path}.crash`);
  // a reader that has come up may have seen the file before it was removed, and crash once more
  await waitFor("the reader", async () => (await history.queries.readRaw(all)).count === 600);
  await waitFor("the end of the fault", () => faults.list().length === 0);
});

Deno.test("a reader that ends while it is asked rejects what was asked", async () => {
  await using fixture = await HistoryFixture.open();
  ingest(fixture, 0, 100);
  await fixture.history.tidy();
  const { queries } = fixture.history;
  const asked = queries.readRaw({ tagId: fixture.tag.id, fromUs: null, toUs: null, direction: "forward", limit: 1000 });
  const outcome = asked.then(() => "read", (error) => error as Error);
  await fixture.stop();
  const answer = await outcome;
  assert.ok(answer === "read" || answer instanceof HistoryUnavailableError, String(answer));
  await assert.rejects(
    queries.readRaw({ tagId: fixture.tag.id, fromUs: null, toUs: null, direction: "forward", limit: 1000 }),
    HistoryUnavailableError,
  );
});

Deno.test("the reader may use the folder of the file, and nothing else", async () => {
  await using fixture = await HistoryFixture.open({ readerUrl: worker("history_telling_reader") });
  const fault = await waitFor("the answer", () => fixture.faults.list()[0]);
  const told = fault.detail.match(/\w+ (granted|prompt|denied)/g)?.map((answer) => answer.replace("prompt", "denied"));
  assert.deepEqual(told, [
    "read granted",
    "write granted",
    ...["read", "write", "net", "env", "run", "ffi", "sys", "import"].map((name) => `${name} denied`),
  ]);
});
