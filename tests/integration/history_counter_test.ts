import assert from "node:assert/strict";
import { RowFlag } from "../../src/history/history.ts";
import { tagUpdate } from "../../src/tags/tag.ts";
import { HistoryFixture, historyTag, SECOND_US, T0 } from "../lib/history_fixture.ts";

Deno.test("a counter's reset is stored with its mark, even inside the deadband, and survives packing", async () => {
  const definitions = [historyTag({ type: "Int", counter: true, deadband: 100 })];
  await using fixture = await HistoryFixture.open({ definitions });
  const { tags, tag, clock } = fixture;
  for (const [second, value] of [[0, 10], [1, 20], [2, 4], [3, 5]] as const) {
    clock.nowUs = T0 + second * SECOND_US;
    tags.update([tagUpdate(tag, value, clock.nowUs)]);
  }
  const read = async () => {
    const query = { tagId: tag.id, fromUs: null, toUs: null, direction: "forward", limit: 100 } as const;
    const { count, values, flags } = await fixture.history.queries.readRaw(query);
    return Array.from({ length: count }, (_, row) => [values[row], flags[row]]);
  };
  const expected = [[10, 0], [4, RowFlag.CounterReset]];
  assert.deepEqual(await read(), expected);
  await fixture.history.tidy();
  await fixture.restart();
  assert.deepEqual(await read(), expected);
});
