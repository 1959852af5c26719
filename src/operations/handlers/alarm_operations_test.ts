import assert from "node:assert/strict";
import { OperationsWorld } from "../../../tests/lib/operations_world.ts";

Deno.test("alarms are listed by what a person looks for, page by page, with the counts of all", async () => {
  await using world = await OperationsWorld.open();
  const ids = async (params: unknown) =>
    (await world.result("alarms.list", params)).items.map(({ id }: { id: string }) => id);
  const everything = await ids({});
  assert.deepEqual(await ids({ active: true }), []);
  const id = world.raisedAlarm();
  for (const params of [{ active: true }, { retain: true }, { acknowledged: false }, { kind: "limit" }]) {
    assert.deepEqual(await ids(params), [id], JSON.stringify(params));
  }
  assert.deepEqual(await ids({ source: "a840410000000001" }), [id], "a device has the alarms of its tags");
  assert.deepEqual(await ids({ source: "a84041000000000" }), []);
  assert.deepEqual((await world.result("alarms.list", { limit: 1 })).counts, {
    total: everything.length,
    active: 1,
    unacknowledged: 1,
    shelved: 0,
  });
  const paged: string[] = [];
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const page = await world.result("alarms.list", { limit: 2, ...(cursor === undefined ? {} : { cursor }) });
    assert.equal(page.total, everything.length);
    paged.push(...page.items.map((alarm: { id: string }) => alarm.id));
    cursor = page.next;
  }
  assert.deepEqual(paged, everything);
});

Deno.test("the journal is paged from either end, and says who did what", async () => {
  await using world = await OperationsWorld.open();
  const id = world.raisedAlarm();
  await world.result("alarms.ack", { id, comment: "on my way" }, world.caller("operator"));
  await world.result("alarms.shelve", { id, seconds: 60 });
  const read = async (params: Record<string, unknown>) => {
    const found: [string, string | null][] = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = await world.result("alarms.journal", { limit: 2, ...params, ...(cursor ? { cursor } : {}) });
      for (const { cause, by } of page.items) found.push([cause, by]);
      cursor = page.next;
    }
    return found;
  };
  const expected = [["active", null], ["acknowledged", "operator of the test"], ["shelved", "admin of the test"]];
  assert.deepEqual(await read({}), expected);
  assert.deepEqual(await read({ newestFirst: true, id }), expected.toReversed());
  assert.deepEqual(await read({ from: "2200-01-01T00:00:00Z" }), []);
});

Deno.test("what cannot be done with an alarm is refused with a code and a reason", async () => {
  await using world = await OperationsWorld.open();
  const id = world.raisedAlarm();
  const refused = async (name: string, params: unknown) => {
    const answer = await world.call(name, params);
    assert.ok(!answer.ok, name);
    return [answer.code, (answer.details as { reason?: string } | undefined)?.reason ?? answer.field];
  };
  assert.deepEqual(await refused("alarms.ack", { id: "a/b/$alarm" }), ["not_found", "unknown_alarm"]);
  assert.deepEqual(await refused("alarms.ack", { id, event: "0".repeat(32) }), ["conflict", "unknown_event"]);
  assert.deepEqual(await refused("alarms.confirm", { id }), ["conflict", "not_acknowledged"]);
  assert.deepEqual(await refused("alarms.shelve", { id, seconds: 604_801 }), ["bad_params", "seconds"]);
  assert.deepEqual(await refused("alarms.comment", { id, comment: " " }), ["bad_params", "comment"]);
  assert.deepEqual(await refused("alarms.journal", { cursor: "7" }), ["bad_params", "cursor"]);
  assert.deepEqual(await refused("alarms.journal", { from: "yesterday" }), ["bad_params", "from"]);
  assert.deepEqual(await refused("alarms.list", { cursor: "nothing" }), ["bad_params", "cursor"]);
});

Deno.test("who follows alarms gets all of them, then those that change, then those that go", async () => {
  await using world = await OperationsWorld.open();
  const gone = new AbortController();
  const items = world.stream("alarms.subscribe", {}, gone.signal);
  const first = (await items.next()).value;
  assert.equal(first.alarms.length, world.alarms.list().length);
  const id = world.raisedAlarm();
  const next = (await items.next()).value;
  assert.deepEqual(next.alarms.map((alarm: { id: string; active: boolean }) => [alarm.id, alarm.active]), [[id, true]]);
  assert.equal(next.counts.active, 1);
  world.alarms.define([]);
  let removed: string[] = [];
  while (removed.length === 0) removed = (await items.next()).value.removed;
  assert.deepEqual(removed, [id]);
  gone.abort();
  assert.equal((await items.next()).done, true);
});
