import type { Caller } from "../../src/access/principal.ts";
import { localPrincipal } from "../../src/access/principal.ts";
import type { Alarm, AlarmEvent, Alarms, JournalCursor, JournalPage } from "../../src/alarms/alarms.ts";
import { openAlarms } from "../../src/alarms/open_alarms.ts";
import type { AlarmDefinition, LimitAlarmDefinition } from "../../src/config/alarm_definition.ts";
import { Quality } from "../../src/tags/quality.ts";
import { type TagDefinition, tagId, type TagUpdate, tagUpdate, type Value } from "../../src/tags/tag.ts";
import { TagStore } from "../../src/tags/tag_store.ts";
import { EventFeed } from "../../src/telemetry/event_feed.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { tagDefinition } from "./tag_definition.ts";
import { waitFor } from "./wait_for.ts";

export const DEVICE = "0011223344556677";
/** The person who does what a test does. */
export const operator: Caller = {
  principal: { ...localPrincipal, name: "anna", role: "operator" },
  transport: "http",
  address: "127.0.0.1",
};

/** A limit alarm of `level` with lo 0, hi 30 and hihi 40. */
export function limitAlarm(changes: Partial<LimitAlarmDefinition> = {}): LimitAlarmDefinition {
  const id = tagId(DEVICE, "level");
  return {
    kind: "limit",
    id: `${id}/$alarm`,
    tagId: id,
    name: "Tank level",
    delayMs: 0,
    message: null,
    limits: { lolo: null, lo: 0, hi: 30, hihi: 40 },
    deadband: 2,
    severities: { lolo: 800, lo: 500, hi: 500, hihi: 800 },
    ...changes,
  };
}

/** What a test wants different. */
export interface AlarmWorldOptions {
  readonly definitions?: readonly AlarmDefinition[];
  readonly tags?: readonly TagDefinition[];
  readonly dataDir?: string;
}

/** Alarms over real tags, faults and a real file, at a clock that the test moves. */
export class AlarmWorld implements AsyncDisposable {
  readonly dataDir: string;
  readonly events: AlarmEvent[] = [];
  alarms: Alarms;
  tags: TagStore;
  faults: FaultBoard;
  feed: EventFeed;
  nowUs = Date.parse("2026-03-01T12:00:00Z") * 1000;
  definitions: readonly AlarmDefinition[];
  readonly #tagDefinitions: readonly TagDefinition[];
  readonly #ownDir: boolean;

  constructor({ definitions = [limitAlarm()], tags, dataDir }: AlarmWorldOptions = {}) {
    this.dataDir = dataDir ?? Deno.makeTempDirSync({ prefix: "edgekeep-alarms-" });
    this.#ownDir = dataDir === undefined;
    this.definitions = definitions;
    this.#tagDefinitions = tags ?? [tagDefinition({ group: DEVICE, name: "level", unit: "cm" })];
    this.tags = new TagStore({ nowUs: this.#now });
    this.faults = new FaultBoard(this.#now);
    this.feed = new EventFeed(this.#now);
    this.tags.define(this.#tagDefinitions);
    this.alarms = this.#open();
  }

  /** Sets tags of the device as its source would, now. */
  set(values: Readonly<Record<string, Value>>, quality: number = Quality.Good, timeUs = this.nowUs): void {
    this.tags.update(
      Object.entries(values).map(([name, value]): TagUpdate => {
        const tag = this.tags.get(tagId(DEVICE, name));
        if (tag === undefined) throw new RangeError(`Cannot find tag '${name}'`);
        return tagUpdate(tag, value, timeUs, quality);
      }),
    );
  }

  /** Lets time pass; the sweeps of tags and alarms happen at its end. */
  async pass(seconds: number): Promise<void> {
    this.nowUs += seconds * 1_000_000;
    this.tags.sweep();
    this.#swept.clear();
    await waitFor("a sweep", () => this.#swept.size > 0, { everyMs: 1 });
    await this.told();
  }

  /** The alarm with this id, which there has to be. */
  alarm(id = `${DEVICE}/level/$alarm`): Alarm {
    const alarm = this.alarms.get(id);
    if (alarm === undefined) throw new RangeError(`Cannot find alarm '${id}'`);
    return alarm;
  }

  /** Everything in the journal, oldest first. */
  journal(): AlarmEvent[] {
    const all: AlarmEvent[] = [];
    let after: JournalCursor | null | undefined;
    while (after !== null) {
      const page: JournalPage = this.alarms.journal({
        fromUs: null,
        toUs: null,
        direction: "forward",
        limit: 1000,
        ...(after === undefined ? {} : { after }),
      });
      all.push(...page.events);
      after = page.next;
    }
    return all;
  }

  /** Waits until every event that was stored was told as well. */
  async told(): Promise<void> {
    const newest = this.journal().map(({ sequence }) => sequence).reduce((a, b) => Math.max(a, b), this.#before);
    await waitFor("the events to be told", () => (this.events.at(-1)?.sequence ?? this.#before) >= newest, {
      everyMs: 1,
    });
  }

  /** What caused the events that were told since the last call. */
  async causes(): Promise<string[]> {
    await this.told();
    return this.events.splice(0).map(({ cause, sequence }) => (this.#before = sequence, cause));
  }

  /** Ends the alarms and opens them again over fresh tags that hold the newest samples, as a start of the gateway does. */
  async restart(definitions: readonly AlarmDefinition[] = this.definitions): Promise<void> {
    await this.alarms.stop();
    const samples = [...this.tags.list()].filter(({ sourceTimeUs }) => sourceTimeUs > 0).map((tag) => ({ ...tag }));
    this.definitions = definitions;
    this.tags = new TagStore({ nowUs: this.#now });
    this.faults = new FaultBoard(this.#now);
    this.tags.define(this.#tagDefinitions);
    this.tags.restore(samples.map((sample) => [sample.id, { ...sample, quality: sample.sampleQuality }]));
    this.alarms = this.#open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.alarms.stop();
    if (this.#ownDir) await Deno.remove(this.dataDir, { recursive: true });
  }

  #before = 0;
  readonly #now = () => this.nowUs;
  /** Each sweep of the alarms reads their clock, which is theirs alone. */
  readonly #swept = new Set<number>();
  readonly #clock = () => {
    this.#swept.add(this.nowUs);
    return this.nowUs;
  };

  #open(): Alarms {
    const alarms = openAlarms({
      config: {
        stale_devices: true,
        stale_device_severity: 500,
        journal_retention_days: 30,
        synchronous: "NORMAL",
      },
      dataDir: this.dataDir,
      definitions: this.definitions,
      tags: this.tags,
      faults: this.faults,
      feed: this.feed,
      nowUs: this.#clock,
      sweepMs: 1,
    });
    alarms.subscribe((event) => this.events.push(event));
    return alarms;
  }
}
