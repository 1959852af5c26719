// deno-lint-ignore-file no-non-null-assertion -- what is missing fails the test
import assert from "node:assert/strict";
import { tagDefinition } from "../../tests/lib/tag_definition.ts";
import { forceProblem } from "./forced_value.ts";
import { Quality } from "./quality.ts";
import { type TagDefinition, type TagUpdate, tagUpdate } from "./tag.ts";
import { TagStore } from "./tag_store.ts";

function world(over: Partial<TagDefinition> = {}) {
  const clock = { nowUs: 1_000_000_000_000 };
  const tags = new TagStore({ nowUs: () => clock.nowUs });
  const definition = tagDefinition(over);
  tags.define([definition]);
  const tag = tags.get(definition.id)!;
  const told: TagUpdate[] = [];
  tags.subscribe((batch) => told.push(...batch.map((entry) => ({ ...entry }))));
  const field = (value: number, agoUs = 0) => tags.update([tagUpdate(tag, value, clock.nowUs - agoUs)]);
  return { clock, tags, definition, tag, told, field };
}

Deno.test("a forced tag serves the value given, and the field's newest one afterwards", () => {
  const { clock, tags, definition, tag, told, field } = world();
  field(20);
  clock.nowUs += 1_000_000;
  assert.equal(tags.force(definition.id, 99, "anna"), tag);
  assert.deepEqual([tag.value, tag.quality, tag.sourceTimeUs], [99, Quality.GoodLocalOverride, clock.nowUs]);
  assert.deepEqual(tags.forced(), [{ id: definition.id, value: 99, by: "anna", sinceUs: clock.nowUs }]);
  const { kind, value, quality, historyTimeUs } = told.at(-1)!;
  assert.deepEqual([kind, value, quality, historyTimeUs], ["status", 99, Quality.GoodLocalOverride, clock.nowUs]);

  clock.nowUs += 1_000_000;
  field(21);
  field(22, -1);
  assert.deepEqual(told.slice(-2).map((entry) => entry.kind), ["ignored", "ignored"]);
  clock.nowUs += 1_000_000_000_000;
  tags.sweep();
  assert.deepEqual([tag.value, tag.quality], [99, Quality.GoodLocalOverride]);

  const fieldTimeUs = clock.nowUs - 1_000_000_000_000 + 1;
  clock.nowUs = fieldTimeUs + 1_000_000;
  tags.unforce(definition.id);
  assert.deepEqual([tag.value, tag.quality, tag.sourceTimeUs], [22, Quality.Good, fieldTimeUs]);
  assert.deepEqual([told.at(-1)?.kind, told.at(-1)?.value], ["status", 22]);
  assert.deepEqual(tags.forced(), []);
  clock.nowUs += 1_000_000;
  field(23);
  assert.deepEqual([told.at(-1)?.kind, tag.value], ["live", 23]);
});

Deno.test("forcing again keeps what lies below; unforcing a tag that is not forced changes nothing", () => {
  const { tags, definition, tag, told, field } = world();
  field(20);
  tags.force(definition.id, 1, "anna");
  tags.force(definition.id, 2, "bert");
  assert.equal(tag.value, 2);
  tags.unforce(definition.id);
  assert.equal(tag.value, 20);
  const before = told.length;
  tags.unforce(definition.id);
  assert.equal(told.length, before);
});

Deno.test("a tag without a value can be forced and is waiting again afterwards", () => {
  const { tags, definition, tag } = world();
  tags.force(definition.id, 5, "anna");
  assert.equal(tag.value, 5);
  tags.unforce(definition.id);
  assert.deepEqual([tag.value, tag.quality, tag.sourceTimeUs], [null, Quality.BadWaitingForInitialData, 0]);
});

Deno.test("a force ends with the tag's type, its being switched on, and the tag, and listeners hear of it", () => {
  for (
    const change of [
      [tagDefinition({ type: "Int", dataType: "Int64" })],
      [tagDefinition({ enabled: false })],
      [],
    ]
  ) {
    const { tags, definition, tag, field } = world();
    const heard: boolean[] = [];
    tags.onForced((force, active) => {
      assert.equal(force.id, definition.id);
      heard.push(active);
    });
    field(20);
    tags.force(definition.id, 1, "anna");
    tags.define(change);
    assert.deepEqual(heard, [true, false]);
    assert.deepEqual(tags.forced(), []);
    assert.notEqual(tag.quality, Quality.GoodLocalOverride);
  }
  const { tags, definition } = world();
  tags.force(definition.id, 1, "anna");
  tags.define([tagDefinition({ unit: "K" })]);
  assert.equal(tags.isForced(definition.id), true);
});

Deno.test("only what the tag can hold can be forced", () => {
  const cases: readonly (readonly [Partial<TagDefinition>, unknown, boolean])[] = [
    [{ type: "Bool", dataType: "Boolean" }, true, true],
    [{ type: "Bool", dataType: "Boolean" }, 1, false],
    [{ type: "Int", dataType: "Int16" }, -32_768, true],
    [{ type: "Int", dataType: "Int16" }, 32_768, false],
    [{ type: "Int", dataType: "UInt32" }, -1, false],
    [{ type: "Int", dataType: "Int64" }, 1.5, false],
    [{ type: "Int", dataType: "Int64" }, 2 ** 53, false],
    [{ type: "Float", dataType: "Float" }, 1e39, false],
    [{ type: "Float", dataType: "Double" }, 1e39, true],
    [{ type: "Float", dataType: "Double" }, NaN, false],
    [{ type: "Float", dataType: "Double" }, Infinity, false],
    [{ type: "Float", dataType: "Double" }, "20", false],
    [{ type: "Float", dataType: "Int16" }, 20.5, true],
    [{ type: "String", dataType: "String" }, "open", true],
    [{ type: "String", dataType: "String" }, null, false],
    [{ enabled: false }, 1, false],
  ];
  for (const [over, value, fits] of cases) {
    assert.equal(forceProblem(tagDefinition(over), value) === null, fits, `${JSON.stringify(over)} ${value}`);
  }
  const { tags, definition } = world();
  assert.throws(() => tags.force(definition.id, "warm", "anna"), /its type is Float: current value is 'warm'/);
});
