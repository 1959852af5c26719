/**
 * The history against a model: random plans of samples, clock steps, packing and restarts go to the real thing and to
 * the model, and every kind of read must answer what the model says.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { openFile } from "../../src/history/database_file.ts";
import { buildRollup, readBuckets } from "../../src/history/read_buckets.ts";
import { readAtTime } from "../../src/history/read_at_time.ts";
import { readProcessed } from "../../src/history/read_processed.ts";
import { readRaw } from "../../src/history/read_raw.ts";
import { ReaderClient } from "../../src/history/reader_client.ts";
import type { Lane } from "../../src/history/reader_lane.ts";
import type { ReaderCalls, ReaderKind } from "../../src/history/reader_protocol.ts";
import { dayOf } from "../../src/history/series.ts";
import { Writer } from "../../src/history/writer.ts";
import { TagStore } from "../../src/tags/tag_store.ts";
import { EventFeed } from "../../src/telemetry/event_feed.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { makeMemoryDir } from "../lib/make_memory_dir.ts";
import { HistoryFixture, T0 } from "../lib/history_fixture.ts";
import { assertSame, definitions, Model, playStep, readPlans, type Step, step } from "../lib/history_model.ts";

const plan = fc.array(step, { maxLength: 60, size: "max" });

/** Writer and readers in one thread and without timers: fast enough for many plans. */
class Core {
  readonly clock = { nowUs: T0 };
  readonly tags = new TagStore({ nowUs: () => this.clock.nowUs });
  readonly #path: string;
  writer: Writer;
  queries: ReaderClient;

  constructor(dir: string) {
    this.#path = join(dir, `history-${crypto.randomUUID()}.db`);
    this.tags.define(definitions);
    this.tags.subscribe((batch) => this.writer.write(batch));
    ({ writer: this.writer, queries: this.queries } = this.#open());
  }

  async play(step: Step): Promise<void> {
    playStep(step, this.tags, this.clock);
    if (step.do === "flush") this.writer.flush();
    if (step.do === "pack") await this.pack();
    if (step.do === "packOne") this.#packOne();
    if (step.do !== "restart") return;
    this.writer.stop();
    ({ writer: this.writer, queries: this.queries } = this.#open());
  }

  /** One series of a pass, which the next step may go on with or a restart cut short. */
  #packOne(): void {
    const { writer } = this;
    writer.flush();
    writer.packer.begin(writer.lastJournalId);
    writer.packer.step(writer.store, 0);
  }

  async pack(): Promise<void> {
    const { writer } = this;
    writer.flush();
    writer.packer.begin(writer.lastJournalId);
    while (!writer.packer.step(writer.store, 1).done) writer.flush();
    for (const { series: id, day } of writer.store.dueBefore(dayOf(this.clock.nowUs), { series: -1, day: -1 }, 1e6)) {
      const series = writer.memory.byId(id);
      assert.ok(series !== undefined);
      series.dueDay = NaN;
      const data = await this.queries.buildRollup(series, day);
      if (data === null) writer.store.deleteRollup(id, day);
      else writer.store.putRollup(id, day, data);
      writer.store.clearDue(id, day);
    }
  }

  #open(): { writer: Writer; queries: ReaderClient } {
    const nowUs = () => this.clock.nowUs;
    const faults = new FaultBoard(nowUs);
    const refuse = (error: unknown): never => {
      throw error;
    };
    const writer = new Writer(openFile({ path: this.#path, synchronous: "NORMAL", nowUs }).store, {
      path: this.#path,
      flushMs: 1e6,
      tags: this.tags,
      faults,
      feed: new EventFeed(nowUs),
      nowUs,
      onDue: () => {},
      onCommit: () => {},
      onCorrupt: refuse,
      onDamaged: (_what, error) => refuse(error),
    });
    const damaged = (_what: string, error: unknown) => refuse(error);
    const lane: Lane = {
      call<K extends ReaderKind>(request: ReaderCalls[ReaderKind]["request"]): Promise<ReaderCalls[K]["result"]> {
        switch (request.kind) {
          case "raw":
            return Promise.resolve(exhaust(readRaw(writer.store, request, damaged)));
          case "buckets":
            return Promise.resolve(exhaust(readBuckets(writer.store, request, damaged)));
          case "processed":
            return Promise.resolve(exhaust(readProcessed(writer.store, request, damaged)));
          case "at_time":
            return Promise.resolve(exhaust(readAtTime(writer.store, request, damaged)));
          case "rollup":
            return Promise.resolve(exhaust(buildRollup(writer.store, request, damaged)));
          default:
            return Promise.reject(new Error(`Not asked for here: ${request.kind}`));
        }
      },
      reopen: () => {},
      stop: () => Promise.resolve(),
    };
    const queries = new ReaderClient({
      queries: lane,
      jobs: lane,
      backupDir: this.#path,
      nowUs,
      series: (tagId) => writer.memory.get(tagId),
      flush: () => writer.flush(),
      onCorrupt: refuse,
    });
    return { writer, queries };
  }
}

function exhaust<T>(generator: Generator<unknown, T>): T {
  for (;;) {
    const step = generator.next();
    if (step.done === true) return step.value;
  }
}

/** A tag without numbers whose first row lies at the begin of a day, and intervals that begin before it. */
const beginsAtMidnight: Step[] = [
  { do: "sample", samples: [good(2, 0)] },
  { do: "advance", seconds: 100_000 },
  { do: "sample", samples: [good(2, 63), good(2, 64), good(0, 0)] },
  { do: "sample", samples: [good(2, 2), good(2, 0), good(2, 65)] },
  { do: "sample", samples: [good(2, 66), good(2, 1)] },
  { do: "advance", seconds: 61 },
  { do: "sample", samples: [good(2, 128), good(2, 0), good(0, 0)] },
  { do: "advance", seconds: 4000 },
];
function good(tag: number, agoS: number) {
  return { tag, agoS, value: 0, quality: 0 };
}
const anyReads = [1_457_002_144, 0, 0].map((from) => ({ from, to: 0, limit: 1 }));

Deno.test("every read of every history answers what the model says", async () => {
  const dir = await makeMemoryDir("edgekeep-history-");
  try {
    await fc.assert(
      fc.asyncProperty(plan, readPlans, async (steps, reads) => {
        const core = new Core(dir);
        try {
          const model = new Model();
          core.tags.subscribe((batch) => batch.forEach((update) => model.take(update)));
          const tags = [...core.tags.list()];
          for (const step of steps) await core.play(step);
          core.writer.flush();
          await assertSame(core, model, tags, reads);
          await core.pack();
          await assertSame(core, model, tags, reads);
        } finally {
          core.writer.stop();
        }
      }),
      { numRuns: Number(Deno.env.get("EDGEKEEP_MODEL_RUNS") ?? 60), examples: [[beginsAtMidnight, anyReads]] },
    );
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("the reader worker and the upkeep give the same answers", async () => {
  await fc.assert(
    fc.asyncProperty(plan, readPlans, async (steps, reads) => {
      await using fixture = await HistoryFixture.open({ definitions });
      const { tags, clock, history } = fixture;
      const model = new Model();
      const stop = tags.subscribe((batch) => batch.forEach((update) => model.take(update)));
      for (const step of steps) {
        playStep(step, tags, clock);
        if (step.do === "pack") await history.tidy();
        if (step.do === "flush") history.writer.flush();
      }
      stop();
      await fixture.history.tidy();
      await fixture.restart();
      await assertSame({ ...fixture.history, clock }, model, [...tags.list()], reads);
      assert.deepEqual(fixture.faults.list(), []);
    }),
    { numRuns: 4 },
  );
});
