import { batch, type Signal, signal } from "@preact/signals";
import type { QualityAnswer, TagAnswer, TagChangeAnswer } from "../web/api_schema.ts";

/** What moves about a tag. */
export interface LiveSample {
  readonly value: TagAnswer["value"];
  /** OPC UA status code. */
  readonly quality: number;
  /** ms since the epoch; `null` before the first value. */
  readonly sourceMs: number | null;
  readonly serverMs: number;
}

/** A tag on the page: what it is, and a signal for what moves, so that a change redraws its own row alone. */
export interface TagCell {
  readonly tag: TagAnswer;
  readonly sample: Signal<LiveSample>;
}

/** How the values of a device are. */
export interface GroupCount {
  readonly total: number;
  readonly uncertain: number;
  readonly bad: number;
}

type Standing = "good" | "uncertain" | "bad" | "waiting";

const WAITING = 0x80320000;
const NO_COUNT: GroupCount = { total: 0, uncertain: 0, bad: 0 };

/** Whether a status code counts as good, uncertain, bad, or as never having had a value. */
export function standingOf(code: number): Standing {
  if (code === WAITING) return "waiting";
  const bits = code >>> 30;
  return bits === 0 ? "good" : bits === 1 ? "uncertain" : "bad";
}

/** All tags of the page. */
export class TagCells {
  /** By id, in the order of the page: application, device, name; diagnostics last. Replaced when definitions change. */
  readonly cells: Signal<ReadonlyMap<string, TagCell>> = signal(new Map());
  /** Moves when a quality got better or worse: for lists that are filtered by it. */
  readonly standings = signal(0);
  /** Whether the list was read at least once. */
  readonly loaded = signal(false);
  readonly #groups = new Map<string, Signal<GroupCount>>();
  readonly #names = new Map<number, string>();
  /** Changes of tags that are not on the list yet: the list that is being read may be older than they are. */
  readonly #early = new Map<string, LiveSample>();

  /** Forgets every tag: somebody else may be looking next. */
  clear(): void {
    this.setTags([]);
    this.loaded.value = false;
  }

  /** Takes the status codes and their names. */
  setQualities(qualities: readonly QualityAnswer[]): void {
    for (const { code, name } of qualities) this.#names.set(code, name);
  }

  /** The standard's name of a status code, or its hexadecimal form. */
  qualityName(code: number): string {
    return this.#names.get(code) ?? `0x${code.toString(16).padStart(8, "0")}`;
  }

  /** Takes the whole list. Cells of tags that stay keep their identity as far as their definition did. */
  setTags(tags: readonly TagAnswer[]): void {
    const sorted = [...tags].sort(inPageOrder);
    batch(() => {
      const next = new Map<string, TagCell>();
      for (const tag of sorted) {
        const known = this.cells.value.get(tag.id);
        const early = this.#early.get(tag.id);
        const listed = sampleOf(tag);
        const sample = early !== undefined && early.serverMs > listed.serverMs ? early : listed;
        if (known === undefined) {
          next.set(tag.id, { tag, sample: signal(sample) });
        } else {
          if (sample.serverMs >= known.sample.value.serverMs) known.sample.value = sample;
          next.set(tag.id, { tag, sample: known.sample });
        }
        this.#names.set(tag.quality.code, tag.quality.name);
      }
      this.#early.clear();
      this.cells.value = next;
      this.loaded.value = true;
      this.standings.value++;
      this.#countGroups();
    });
  }

  /** Takes changes from the live stream. */
  apply(changes: readonly TagChangeAnswer[]): void {
    batch(() => {
      let moved = false;
      for (const change of changes) {
        const cell = this.cells.value.get(change.id);
        const sample = {
          value: change.value,
          quality: change.quality,
          sourceMs: change.sourceTime === null ? null : Date.parse(change.sourceTime),
          serverMs: Date.parse(change.serverTime),
        };
        if (cell === undefined) {
          this.#early.set(change.id, sample);
          continue;
        }
        const before = standingOf(cell.sample.value.quality);
        cell.sample.value = sample;
        const after = standingOf(change.quality);
        if (before === after) continue;
        moved = true;
        if (!cell.tag.diagnostic) this.#recount(cell.tag.group, before, after);
      }
      if (moved) this.standings.value++;
    });
  }

  /** The counts of a group, its diagnostics left out. */
  group(group: string): Signal<GroupCount> {
    let count = this.#groups.get(group);
    if (count === undefined) this.#groups.set(group, count = signal(NO_COUNT));
    return count;
  }

  #recount(group: string, before: Standing, after: Standing): void {
    const count = this.group(group);
    const { total, uncertain, bad } = count.value;
    const step = (standing: Standing) => (after === standing ? 1 : 0) - (before === standing ? 1 : 0);
    count.value = { total, uncertain: uncertain + step("uncertain"), bad: bad + step("bad") };
  }

  #countGroups(): void {
    const counts = new Map<string, GroupCount>();
    for (const { tag, sample } of this.cells.value.values()) {
      if (tag.diagnostic) continue;
      const standing = standingOf(sample.value.quality);
      const { total, uncertain, bad } = counts.get(tag.group) ?? NO_COUNT;
      counts.set(tag.group, {
        total: total + 1,
        uncertain: uncertain + (standing === "uncertain" ? 1 : 0),
        bad: bad + (standing === "bad" ? 1 : 0),
      });
    }
    for (const group of new Set([...counts.keys(), ...this.#groups.keys()])) {
      this.group(group).value = counts.get(group) ?? NO_COUNT;
    }
  }
}

function sampleOf(tag: TagAnswer): LiveSample {
  return {
    value: tag.value,
    quality: tag.quality.code,
    sourceMs: tag.sourceTime === null ? null : Date.parse(tag.sourceTime),
    serverMs: Date.parse(tag.serverTime),
  };
}

const natural = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function inPageOrder(a: TagAnswer, b: TagAnswer): number {
  return natural.compare(a.application ?? "", b.application ?? "") ||
    natural.compare(a.device ?? "", b.device ?? "") ||
    natural.compare(a.group, b.group) ||
    Number(a.diagnostic) - Number(b.diagnostic) ||
    natural.compare(a.name, b.name);
}
