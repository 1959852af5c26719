import assert from "node:assert/strict";
import { EventFeed } from "./event_feed.ts";

Deno.test("Entries are numbered and the newest are kept", () => {
  const feed = new EventFeed(() => 7, 3);
  for (const text of ["a", "b", "c", "d"]) feed.add("info", "device_join", "dev", text);
  assert.deepEqual(feed.since().map((entry) => [entry.sequence, entry.text]), [[2, "b"], [3, "c"], [4, "d"]]);
  assert.deepEqual(feed.since(3).map((entry) => entry.text), ["d"]);
  assert.deepEqual(feed.since(4), []);
  assert.equal(feed.since()[0]?.timeUs, 7);
});

Deno.test("A listener hears every entry until it unsubscribes", () => {
  const feed = new EventFeed(() => 0);
  const heard: string[] = [];
  const unsubscribe = feed.subscribe((entry) => heard.push(entry.text));
  feed.add("warning", "decoding_error", "dev", "one");
  unsubscribe();
  feed.add("warning", "decoding_error", "dev", "two");
  assert.deepEqual(heard, ["one"]);
});
