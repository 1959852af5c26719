import { Quality, type QualityCode, severityOf } from "./quality.ts";
import type { Sample, Tag, TagDefinition, TagId, TagUpdate, Value } from "./tag.ts";
import { ObservedInterval } from "./observed_interval.ts";

/** A source time further ahead of our clock than this is a wrong device clock: the arrival time replaces it. */
export const MAX_AHEAD_US = 5 * 60 * 1_000_000;

/** Called once for each batch with the entries that changed something, in the order the source gave them. */
export type BatchListener = (batch: readonly TagUpdate[]) => void;

/** What changed in the set of tags; lists are never both empty. */
export interface DefinitionChange {
  readonly added: readonly Tag[];
  readonly removed: readonly Tag[];
  /** Same id, other definition. The tag object stays the same, so its value survives. */
  readonly changed: readonly Tag[];
}
export type DefinitionListener = (change: DefinitionChange) => void;

/** Counters since the start, for health and metrics. */
export interface TagCounters {
  readonly live: number;
  readonly backfill: number;
  readonly status: number;
  /** Samples whose source time was too far ahead and was replaced by the arrival time. */
  readonly clockAhead: number;
}

interface MutableTag {
  definition: TagDefinition;
  id: TagId;
  value: Value;
  quality: QualityCode;
  sampleQuality: QualityCode;
  sourceTimeUs: number;
  serverTimeUs: number;
  /** The device's own time of the newest sample; differs from `sourceTimeUs` only where arrivals are stamped. */
  deviceTimeUs: number;
}

/** What the store needs from outside. */
export interface TagStoreOptions {
  /** µs since the epoch, UTC. Injected so that tests own the time. */
  readonly nowUs: () => number;
  /** Told of each sample whose source time was replaced because it lay too far ahead. */
  readonly onClockAhead?: (tag: Tag, sourceTimeUs: number) => void;
}

/**
 * The live process image: every tag with its newest sample. It knows no protocol and does no I/O: sources call
 * {@link update}, and history, OPC UA, web and alarms listen.
 */
export class TagStore {
  readonly #tags = new Map<TagId, MutableTag>();
  readonly #groups = new Map<string, ObservedInterval>();
  readonly #batchListeners = new Set<BatchListener>();
  readonly #definitionListeners = new Set<DefinitionListener>();
  readonly #nowUs: () => number;
  readonly #onClockAhead: (tag: Tag, sourceTimeUs: number) => void;
  #live = 0;
  #backfill = 0;
  #status = 0;
  #clockAhead = 0;

  constructor(options: TagStoreOptions) {
    this.#nowUs = options.nowUs;
    this.#onClockAhead = options.onClockAhead ?? (() => {});
  }

  get size(): number {
    return this.#tags.size;
  }

  get counters(): TagCounters {
    return { live: this.#live, backfill: this.#backfill, status: this.#status, clockAhead: this.#clockAhead };
  }

  /** The tag with this id, or `undefined`. The object stays the same for as long as the tag is defined. */
  get(id: TagId): Tag | undefined {
    return this.#tags.get(id);
  }

  /** All tags in the order of their definition. */
  list(): IterableIterator<Tag> {
    return this.#tags.values();
  }

  /** Makes the set of tags exactly `definitions`: adds, changes and removes. Values of tags that stay are kept. */
  define(definitions: readonly TagDefinition[]): DefinitionChange {
    const added: MutableTag[] = [];
    const changed: MutableTag[] = [];
    const wanted = new Set<TagId>();
    for (const definition of definitions) {
      if (wanted.has(definition.id)) throw new RangeError(`Cannot define tag '${definition.id}' twice`);
      wanted.add(definition.id);
      const tag = this.#tags.get(definition.id);
      if (tag === undefined) {
        const fresh: MutableTag = {
          definition,
          id: definition.id,
          value: null,
          quality: definition.enabled ? Quality.BadWaitingForInitialData : Quality.BadOutOfService,
          sampleQuality: Quality.BadWaitingForInitialData,
          sourceTimeUs: 0,
          serverTimeUs: this.#nowUs(),
          deviceTimeUs: 0,
        };
        this.#tags.set(definition.id, fresh);
        added.push(fresh);
      } else if (!sameDefinition(tag.definition, definition)) {
        const retyped = tag.definition.type !== definition.type || tag.definition.dataType !== definition.dataType;
        tag.definition = definition;
        if (retyped) {
          tag.value = null;
          tag.sourceTimeUs = 0;
          tag.deviceTimeUs = 0;
          tag.sampleQuality = Quality.BadWaitingForInitialData;
        }
        tag.quality = this.#qualityAt(tag, this.#nowUs());
        changed.push(tag);
      }
    }
    const removed = [...this.#tags.values()].filter((tag) => !wanted.has(tag.id));
    for (const tag of removed) this.#tags.delete(tag.id);
    const change: DefinitionChange = { added, removed, changed };
    if (added.length + removed.length + changed.length > 0) {
      for (const listener of this.#definitionListeners) listener(change);
    }
    return change;
  }

  /**
   * Gives tags the newest sample that history holds, quality by age, without telling anybody: for the start, before
   * sources and servers run. Unknown ids are passed over. `previousTimeUs`, the time of the sample before it, is a first
   * guess of the device's interval.
   */
  restore(samples: Iterable<readonly [TagId, Sample & { readonly previousTimeUs?: number | null }]>): void {
    const nowUs = this.#nowUs();
    for (const [id, sample] of samples) {
      const tag = this.#tags.get(id);
      if (tag === undefined || sample.sourceTimeUs <= tag.sourceTimeUs) continue;
      tag.value = sample.value;
      // a live aggregate is plain Good; only history marks it as calculated
      tag.sampleQuality = sample.quality === Quality.GoodCalculated ? Quality.Good : sample.quality;
      tag.sourceTimeUs = sample.sourceTimeUs;
      tag.serverTimeUs = sample.serverTimeUs;
      tag.deviceTimeUs = sample.sourceTimeUs;
      if (sample.previousTimeUs) this.#observe(tag.definition.group, sample.previousTimeUs);
      this.#observe(tag.definition.group, sample.sourceTimeUs);
      tag.quality = this.#qualityAt(tag, nowUs);
    }
  }

  /**
   * Takes a batch from a source. Fills in `serverTimeUs`, `kind` and `historyTimeUs` of each entry, moves the tags
   * whose entry is newer, and tells the listeners once, with the batch itself.
   *
   * An entry whose quality is bad and whose value is `null` leaves the tag's last value in place: garbage never
   * replaces a measured value.
   */
  update(batch: TagUpdate[]): void {
    if (batch.length === 0) return;
    const nowUs = this.#nowUs();
    for (const entry of batch) this.#apply(entry, nowUs);
    this.#tell(batch);
    // a replayed event can be stale at the moment it arrives: nobody reads the tag in between
    this.#age(liveTags(batch, this.#tags), nowUs);
  }

  /**
   * Moves qualities by age (stale-after, bad-after) and pushes the changes as `status` entries. To be called about
   * once a second.
   */
  sweep(): void {
    this.#age(this.#tags.values(), this.#nowUs());
  }

  /** Age beyond which the tag's value is stale, in ms: fixed, or three times the device's observed interval. */
  staleAfterMs(tag: Tag): number {
    const { staleAfterMs, minStaleAfterMs, group } = tag.definition;
    if (staleAfterMs !== null) return staleAfterMs;
    const observedUs = this.#groups.get(group)?.typicalUs() ?? 0;
    return Math.max(minStaleAfterMs, (3 * observedUs) / 1000);
  }

  /** Calls `listener` for every batch until the returned function is called. */
  subscribe(listener: BatchListener): () => void {
    this.#batchListeners.add(listener);
    return () => this.#batchListeners.delete(listener);
  }

  /** Calls `listener` whenever tags are added, removed or redefined, until the returned function is called. */
  onDefinitions(listener: DefinitionListener): () => void {
    this.#definitionListeners.add(listener);
    return () => this.#definitionListeners.delete(listener);
  }

  #apply(entry: TagUpdate, nowUs: number): void {
    const tag = this.#tags.get(entry.tag.id);
    entry.serverTimeUs = nowUs;
    if (tag === undefined || tag !== entry.tag || !tag.definition.enabled) {
      entry.kind = "ignored";
      return;
    }
    const { definition } = tag;
    const deviceTimeUs = entry.sourceTimeUs;
    if (definition.stampArrival) {
      // a replay of what was stamped before must not be stamped, and so stored, a second time
      if (deviceTimeUs <= tag.deviceTimeUs) {
        entry.kind = "ignored";
        return;
      }
      entry.sourceTimeUs = Math.max(nowUs, tag.sourceTimeUs + 1);
    } else if (entry.sourceTimeUs > nowUs + MAX_AHEAD_US) {
      this.#clockAhead++;
      this.#onClockAhead(tag, entry.sourceTimeUs);
      entry.sourceTimeUs = nowUs;
    }
    entry.historyTimeUs = entry.sourceTimeUs;
    const { range } = definition;
    if (
      range !== null && typeof entry.value === "number" && severityOf(entry.quality) === "good" &&
      (entry.value < range.low || entry.value > range.high)
    ) {
      entry.quality = Quality.UncertainEngineeringUnitsExceeded;
    }
    this.#observe(definition.group, entry.sourceTimeUs);
    if (entry.sourceTimeUs <= tag.sourceTimeUs) {
      entry.kind = "backfill";
      this.#backfill++;
      return;
    }
    entry.kind = "live";
    this.#live++;
    if (entry.value === null) entry.value = tag.value;
    else if (definition.counter && fell(tag.value, entry.value)) entry.counterReset = true;
    tag.value = entry.value;
    tag.sampleQuality = entry.quality;
    tag.sourceTimeUs = entry.sourceTimeUs;
    tag.serverTimeUs = nowUs;
    tag.deviceTimeUs = Math.min(deviceTimeUs, entry.sourceTimeUs);
    tag.quality = entry.quality;
  }

  #age(tags: Iterable<MutableTag>, nowUs: number): void {
    let batch: TagUpdate[] | undefined;
    for (const tag of tags) {
      const quality = this.#qualityAt(tag, nowUs);
      if (quality === tag.quality) continue;
      tag.quality = quality;
      tag.serverTimeUs = nowUs;
      this.#status++;
      (batch ??= []).push({
        tag,
        value: tag.value,
        quality,
        sourceTimeUs: tag.sourceTimeUs,
        serverTimeUs: nowUs,
        kind: "status",
        historyTimeUs: this.#changedAtUs(tag, quality, nowUs),
      });
    }
    if (batch !== undefined) this.#tell(batch);
  }

  #observe(group: string, sourceTimeUs: number): void {
    let observed = this.#groups.get(group);
    if (observed === undefined) this.#groups.set(group, observed = new ObservedInterval());
    observed.add(sourceTimeUs);
  }

  #qualityAt(tag: MutableTag, nowUs: number): QualityCode {
    if (!tag.definition.enabled) return Quality.BadOutOfService;
    if (tag.sourceTimeUs === 0) return Quality.BadWaitingForInitialData;
    const ageMs = (nowUs - tag.sourceTimeUs) / 1000;
    if (ageMs > tag.definition.badAfterMs) return Quality.BadNoCommunication;
    if (severityOf(tag.sampleQuality) !== "bad" && ageMs > this.staleAfterMs(tag)) {
      return Quality.UncertainLastUsableValue;
    }
    return tag.sampleQuality;
  }

  #changedAtUs(tag: MutableTag, quality: QualityCode, nowUs: number): number {
    if (tag.sourceTimeUs === 0) return nowUs;
    const afterMs = quality === Quality.BadNoCommunication
      ? tag.definition.badAfterMs
      : quality === Quality.UncertainLastUsableValue
      ? this.staleAfterMs(tag)
      : null;
    return afterMs === null ? nowUs : Math.min(nowUs, Math.round(tag.sourceTimeUs + afterMs * 1000));
  }

  #tell(batch: readonly TagUpdate[]): void {
    for (const listener of this.#batchListeners) listener(batch);
  }
}

function* liveTags(batch: readonly TagUpdate[], tags: ReadonlyMap<TagId, MutableTag>): Generator<MutableTag> {
  for (const entry of batch) {
    const tag = entry.kind === "live" ? tags.get(entry.tag.id) : undefined;
    if (tag !== undefined) yield tag;
  }
}

function fell(before: Value, now: Value): boolean {
  return typeof before === "number" && typeof now === "number" && now < before;
}

function sameDefinition(a: TagDefinition, b: TagDefinition): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
