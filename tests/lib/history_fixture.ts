import { join } from "node:path";
import type { StorageConfig } from "../../src/config/schema.ts";
import { type History, openHistory } from "../../src/history/open_history.ts";
import type { Tag, TagDefinition, TagUpdate } from "../../src/tags/tag.ts";
import { TagStore } from "../../src/tags/tag_store.ts";
import { EventFeed } from "../../src/telemetry/event_feed.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { tagDefinition } from "./tag_definition.ts";

export const SECOND_US = 1_000_000;
export const HOUR_US = 3600 * SECOND_US;
export const DAY_US = 24 * HOUR_US;
/** 2026-01-10 00:00 UTC. */
export const T0 = Date.UTC(2026, 0, 10) * 1000;

/** A Float metric of one device that is stored for a year and never goes stale, with what a test changes. */
export function historyTag(over: Partial<TagDefinition> = {}): TagDefinition {
  return tagDefinition({ staleAfterMs: 1e12, badAfterMs: 1e12, ...over });
}

export interface FixtureOptions {
  readonly dir?: string;
  readonly definitions?: readonly TagDefinition[];
  readonly storage?: Partial<StorageConfig>;
  readonly maxPending?: number;
  readonly readerUrl?: URL;
}

/** A tag store and a history over a temporary folder, with a clock that the test owns. */
export class HistoryFixture implements AsyncDisposable {
  readonly dir: string;
  readonly path: string;
  readonly tags: TagStore;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly clock = { nowUs: T0 };
  history!: History;
  readonly #options: FixtureOptions;
  readonly #unsubscribe: () => void;
  #running = false;

  private constructor(options: FixtureOptions) {
    this.#options = options;
    this.dir = options.dir ?? Deno.makeTempDirSync({ prefix: "edgekeep-history-" });
    this.path = join(this.dir, "history.db");
    const nowUs = () => this.clock.nowUs;
    this.tags = new TagStore({ nowUs });
    this.faults = new FaultBoard(nowUs);
    this.feed = new EventFeed(nowUs);
    this.tags.define(options.definitions ?? [historyTag()]);
    this.#unsubscribe = this.tags.subscribe((batch: readonly TagUpdate[]) => {
      if (this.#running) this.history.writer.write(batch);
    });
  }

  static async open(options: FixtureOptions = {}): Promise<HistoryFixture> {
    const fixture = new HistoryFixture(options);
    await fixture.start();
    return fixture;
  }

  /** The first tag. */
  get tag(): Tag {
    return this.tags.list().next().value as Tag;
  }

  async start(): Promise<void> {
    this.history = await openHistory({
      config: {
        database_path: this.path,
        retention_days: 365,
        rollup_retention_days: 3650,
        synchronous: "NORMAL",
        flush_ms: 10_000,
        backup_interval_hours: 0,
        backup_keep: 7,
        ...this.#options.storage,
      },
      dataDir: this.dir,
      readerUrl: this.#options.readerUrl ?? new URL("../../src/history/reader.ts", import.meta.url),
      tags: this.tags,
      faults: this.faults,
      feed: this.feed,
      nowUs: () => this.clock.nowUs,
      maxPending: this.#options.maxPending,
    });
    this.#running = true;
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    await this.history.stop();
  }

  /** Stops and opens again, as a restart of the program does. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe();
    await this.stop();
    if (this.#options.dir === undefined) Deno.removeSync(this.dir, { recursive: true });
  }
}
