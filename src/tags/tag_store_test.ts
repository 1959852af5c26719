import assert from "node:assert/strict";
import fc from "fast-check";
import { Quality } from "./quality.ts";
import { type Tag, type TagDefinition, tagId, type TagUpdate, tagUpdate, type Value } from "./tag.ts";
import { type DefinitionChange, MAX_AHEAD_US, TagStore } from "./tag_store.ts";
import { tagDefinition } from "../../tests/lib/tag_definition.ts";

const S = 1_000_000;
const T0 = 1_700_000_000 * S;

function definition(over: Partial<TagDefinition> = {}): TagDefinition {
  return tagDefinition({ staleAfterMs: 60_000, badAfterMs: 3_600_000, ...over });
}

function setUp(...definitions: TagDefinition[]) {
  const clock = { nowUs: T0 };
  const ahead: number[] = [];
  const store = new TagStore({ nowUs: () => clock.nowUs, onClockAhead: (_tag, timeUs) => ahead.push(timeUs) });
  store.define(definitions.length > 0 ? definitions : [definition()]);
  const batches: TagUpdate[][] = [];
  const stop = store.subscribe((batch) => batches.push([...batch]));
  const [tag] = store.list();
  return { clock, store, batches, tag: tag as Tag, ahead, stop };
}

Deno.test("a tag waits for its first value", () => {
  const { tag } = setUp();
  assert.equal(tag.value, null);
  assert.equal(tag.quality, Quality.BadWaitingForInitialData);
});

Deno.test("a newer sample moves the tag and reaches listeners in the same array", () => {
  const { store, tag, clock } = setUp();
  let seen: readonly TagUpdate[] | undefined;
  store.subscribe((batch) => seen = batch);
  const batch = [tagUpdate(tag, 21.5, T0 - 2 * S)];
  store.update(batch);
  assert.equal(seen, batch);
  assert.equal(batch[0]?.kind, "live");
  assert.equal(batch[0]?.serverTimeUs, clock.nowUs);
  assert.deepEqual([tag.value, tag.quality, tag.sourceTimeUs, tag.serverTimeUs], [21.5, Quality.Good, T0 - 2 * S, T0]);
});

Deno.test("a sample that is not newer is backfill and leaves the tag alone", () => {
  const { store, tag, batches } = setUp();
  store.update([tagUpdate(tag, 1, T0 - 10 * S)]);
  store.update([tagUpdate(tag, 2, T0 - 10 * S), tagUpdate(tag, 3, T0 - 20 * S)]);
  assert.deepEqual(batches[1]?.map((entry) => entry.kind), ["backfill", "backfill"]);
  assert.equal(tag.value, 1);
  assert.deepEqual(store.counters, { live: 1, backfill: 2, status: 0, clockAhead: 0 });
});

Deno.test("a value that cannot be decoded leaves the last good one with a bad status", () => {
  const { store, tag, batches } = setUp();
  store.update([tagUpdate(tag, 7, T0 - 2 * S)]);
  store.update([tagUpdate(tag, null, T0 - S, Quality.BadDecodingError)]);
  assert.deepEqual([tag.value, tag.quality], [7, Quality.BadDecodingError]);
  assert.equal(batches[1]?.[0]?.value, 7);
});

Deno.test("a counter that falls is accepted and marked, a late sample and a plain value are not", () => {
  const { store, tag, batches } = setUp(definition({ counter: true }), definition({ name: "level" }));
  const level = store.get(tagId("0011223344556677", "level")) as Tag;
  for (const [value, at] of [[10, 5], [12, 4], [3, 3], [1, 6], [3, 2]] as const) {
    store.update([tagUpdate(tag, value, T0 - at * S), tagUpdate(level, value, T0 - at * S)]);
  }
  store.update([tagUpdate(tag, null, T0 - S, Quality.BadDecodingError)]);
  const marked = batches.flat().filter(({ counterReset }) => counterReset);
  assert.deepEqual(marked.map(({ tag: { id }, value, kind }) => [id, value, kind]), [[tag.id, 3, "live"]]);
  assert.equal(tag.value, 3);
});

Deno.test("values outside the range are uncertain, and a status that is already bad stays", () => {
  const { store, tag } = setUp(definition({ range: { low: 0, high: 100 } }));
  store.update([tagUpdate(tag, 100, T0 - 3 * S)]);
  assert.equal(tag.quality, Quality.Good);
  store.update([tagUpdate(tag, 100.1, T0 - 2 * S)]);
  assert.deepEqual([tag.value, tag.quality], [100.1, Quality.UncertainEngineeringUnitsExceeded]);
  store.update([tagUpdate(tag, 200, T0 - S, Quality.BadSensorFailure)]);
  assert.equal(tag.quality, Quality.BadSensorFailure);
});

Deno.test("a source time too far ahead is replaced by the arrival time and reported", () => {
  const { store, tag, ahead } = setUp();
  store.update([tagUpdate(tag, 1, T0 + MAX_AHEAD_US)]);
  assert.equal(tag.sourceTimeUs, T0 + MAX_AHEAD_US);
  const second = setUp();
  second.store.update([tagUpdate(second.tag, 1, T0 + MAX_AHEAD_US + 1)]);
  assert.equal(second.tag.sourceTimeUs, T0);
  assert.deepEqual([ahead.length, second.ahead.length, second.store.counters.clockAhead], [0, 1, 1]);
});

Deno.test("a device with stamped arrivals gets our time", () => {
  const { store, tag } = setUp(definition({ stampArrival: true }));
  store.update([tagUpdate(tag, 1, T0 - 500 * S)]);
  assert.deepEqual([tag.sourceTimeUs, tag.quality], [T0, Quality.Good]);
});

Deno.test("a replay of stamped arrivals is not stamped again, and missed ones keep their order", () => {
  const { store, tag, batches, clock } = setUp(definition({ stampArrival: true }));
  store.update([tagUpdate(tag, 1, T0 - 500 * S)]);
  clock.nowUs += 60 * S;
  for (const [value, at] of [[1, 500], [2, 400], [3, 300]] as const) store.update([tagUpdate(tag, value, T0 - at * S)]);
  assert.deepEqual(batches.slice(1).map(([entry]) => entry?.kind), ["ignored", "live", "live"]);
  assert.deepEqual([tag.value, tag.sourceTimeUs], [3, clock.nowUs + 1]);
});

Deno.test("quality moves by age and comes back with a new sample", () => {
  const { store, tag, clock, batches } = setUp();
  store.update([tagUpdate(tag, 5, T0)]);
  clock.nowUs = T0 + 60 * S;
  store.sweep();
  assert.equal(tag.quality, Quality.Good, "exactly stale-after is still fresh");
  clock.nowUs = T0 + 65 * S;
  store.sweep();
  store.sweep();
  assert.equal(tag.quality, Quality.UncertainLastUsableValue);
  const stale = batches[1]?.[0];
  assert.deepEqual(
    [stale?.kind, stale?.value, stale?.sourceTimeUs, stale?.historyTimeUs, stale?.serverTimeUs],
    ["status", 5, T0, T0 + 60 * S, T0 + 65 * S],
  );
  assert.equal(batches.length, 2, "an unchanged quality is not told again");
  clock.nowUs = T0 + 3_700 * S;
  store.sweep();
  assert.equal(tag.quality, Quality.BadNoCommunication);
  store.update([tagUpdate(tag, 6, clock.nowUs - S)]);
  assert.equal(tag.quality, Quality.Good);
});

Deno.test("a replayed sample that is old on arrival is stale at once", () => {
  const { store, tag, batches } = setUp();
  store.update([tagUpdate(tag, 5, T0 - 300 * S)]);
  assert.equal(tag.quality, Quality.UncertainLastUsableValue);
  assert.deepEqual(batches.map((batch) => batch[0]?.kind), ["live", "status"]);
  assert.equal(batches[1]?.[0]?.historyTimeUs, T0 - 240 * S);
});

Deno.test("a bad sample does not become uncertain by age, only unusable", () => {
  const { store, tag, clock } = setUp();
  store.update([tagUpdate(tag, 5, T0), tagUpdate(tag, null, T0 + S, Quality.BadDecodingError)]);
  clock.nowUs = T0 + 600 * S;
  store.sweep();
  assert.equal(tag.quality, Quality.BadDecodingError);
  clock.nowUs = T0 + 3_700 * S;
  store.sweep();
  assert.equal(tag.quality, Quality.BadNoCommunication);
});

Deno.test("without a fixed time stale-after is three of the device's own intervals", () => {
  const { store, tag } = setUp(
    definition({ staleAfterMs: null }),
    definition({ staleAfterMs: null, name: "humidity" }),
  );
  assert.equal(store.staleAfterMs(tag), 120_000);
  for (const at of [0, 600, 1200, 1800]) store.update([tagUpdate(tag, at, T0 - 2_000 * S + at * S)]);
  assert.equal(store.staleAfterMs(tag), 1_800_000);
  const other = store.get(tagId("0011223344556677", "humidity"));
  assert.equal(store.staleAfterMs(other as Tag), 1_800_000, "the interval belongs to the device, not to the tag");
});

Deno.test("switched-off tags take nothing", () => {
  const { store, tag, batches } = setUp(definition({ enabled: false }));
  store.update([tagUpdate(tag, 1, T0)]);
  assert.deepEqual([tag.value, tag.quality, batches[0]?.[0]?.kind], [null, Quality.BadOutOfService, "ignored"]);
});

Deno.test("restored tags show their stored value with a quality by age, and nobody is told", () => {
  const { store, tag, batches } = setUp();
  const stored = { value: 3, quality: Quality.Good, sourceTimeUs: T0 - 70 * S, serverTimeUs: T0 - 69 * S };
  store.restore([[tag.id, stored], [tagId("ffffffffffffffff", "gone"), stored]]);
  assert.deepEqual([tag.value, tag.quality, batches.length], [3, Quality.UncertainLastUsableValue, 0]);
});

Deno.test("a restored tag knows its device's interval from the two newest rows", () => {
  const { store, tag } = setUp(definition({ staleAfterMs: null }));
  const sourceTimeUs = T0 - 500 * S;
  const stored = { value: 3, quality: Quality.Good, sourceTimeUs, serverTimeUs: sourceTimeUs };
  store.restore([[tag.id, { ...stored, previousTimeUs: T0 - 1_100 * S }]]);
  assert.deepEqual([store.staleAfterMs(tag), tag.quality], [1_800_000, Quality.Good]);
});

Deno.test("definitions are added, changed and removed while values stay", () => {
  const { store, tag, batches } = setUp(definition(), definition({ name: "humidity" }));
  const changes: DefinitionChange[] = [];
  const stop = store.onDefinitions((change) => changes.push(change));
  store.update([tagUpdate(tag, 5, T0)]);
  store.define([definition({ unit: "°C" }), definition({ name: "pressure" })]);
  assert.deepEqual(changes[0]?.added.map((each) => each.definition.name), ["pressure"]);
  assert.deepEqual(changes[0]?.removed.map((each) => each.definition.name), ["humidity"]);
  assert.deepEqual(changes[0]?.changed.map((each) => each.definition.unit), ["°C"]);
  assert.equal(store.get(tag.id), tag);
  assert.equal(tag.value, 5);
  const humidity = changes[0]?.removed[0] as Tag;
  store.update([tagUpdate(humidity, 1, T0)]);
  assert.equal(batches.at(-1)?.[0]?.kind, "ignored");
  store.define([definition({ unit: "°C" }), definition({ name: "pressure" })]);
  assert.equal(changes.length, 1, "nothing changed, nobody is told");
  stop();
  store.define([]);
  assert.equal(changes.length, 1);
});

Deno.test("a tag that changes its type waits for a value of the new type", () => {
  const { store, tag } = setUp();
  store.update([tagUpdate(tag, 5, T0)]);
  store.define([definition({ type: "String", dataType: "String" })]);
  assert.deepEqual([tag.value, tag.quality], [null, Quality.BadWaitingForInitialData]);
});

Deno.test("two definitions with one id are refused", () => {
  assert.throws(() => setUp(definition(), definition()), /Cannot define tag '0011223344556677\/temperature' twice/);
});

Deno.test("a listener that left hears nothing", () => {
  const { store, tag, batches, stop } = setUp();
  stop();
  store.update([tagUpdate(tag, 1, T0)]);
  store.update([]);
  assert.equal(batches.length, 0);
});

Deno.test("whatever order samples arrive in, the tag ends with the newest and live entries only move forward", () => {
  const sample = fc.record({ at: fc.integer({ min: 0, max: 50 }), value: fc.integer() });
  fc.assert(fc.property(fc.array(fc.array(sample, { maxLength: 5 }), { maxLength: 20 }), (plan) => {
    const { store, tag, batches } = setUp();
    for (const batch of plan) store.update(batch.map(({ at, value }) => tagUpdate(tag, value, T0 - at * S)));
    const all = plan.flat();
    if (all.length === 0) return;
    const newest = Math.min(...all.map(({ at }) => at));
    const first = all.find(({ at }) => at === newest)?.value as Value;
    assert.equal(tag.sourceTimeUs, T0 - newest * S);
    assert.equal(tag.value, first, "of equal times the first wins");
    const live = batches.flat().filter(({ kind }) => kind === "live").map(({ sourceTimeUs }) => sourceTimeUs);
    assert.deepEqual(live, live.toSorted((a, b) => a - b));
    assert.equal(new Set(live).size, live.length);
  }));
});

Deno.test("a tag that is to show something else keeps its value, uncertain until the next sample", () => {
  const clock = { nowUs: 1_000_000_000_000 };
  const tags = new TagStore({ nowUs: () => clock.nowUs });
  const definition = tagDefinition({ sourcePath: "level" });
  tags.define([definition]);
  const tag = tags.get(definition.id);
  assert.ok(tag);
  tags.update([tagUpdate(tag, 20, clock.nowUs)]);
  tags.define([{ ...definition, sourcePath: "level_raw", unit: "mm" }]);
  assert.deepEqual([tag.value, tag.quality], [20, Quality.UncertainLastUsableValue]);
  tags.update([tagUpdate(tag, 2000, clock.nowUs + 1)]);
  assert.deepEqual([tag.value, tag.quality], [2000, Quality.Good]);
  tags.define([{ ...definition, sourcePath: "level_raw", unit: "cm" }]);
  assert.equal(tag.quality, Quality.Good, "a unit is only a name");
});

Deno.test("a tag that is added anew gets what history kept of it before anybody hears of it", () => {
  const clock = { nowUs: 1_000_000_000_000 };
  const tags = new TagStore({ nowUs: () => clock.nowUs });
  const definition = tagDefinition();
  let heard: unknown;
  tags.onDefinitions(({ added }) => heard = added[0]?.value);
  const stored = { value: 7, quality: Quality.Good, sourceTimeUs: clock.nowUs - 5, serverTimeUs: clock.nowUs - 4 };
  tags.define([definition], new Map([[definition.id, stored]]));
  assert.equal(heard, 7);
  assert.deepEqual([tags.get(definition.id)?.quality, tags.get(definition.id)?.sourceTimeUs], [
    Quality.Good,
    clock.nowUs - 5,
  ]);
});
