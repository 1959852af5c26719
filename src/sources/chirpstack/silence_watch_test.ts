import assert from "node:assert/strict";
import { SilenceWatch } from "./silence_watch.ts";

Deno.test("a device that is seen twice without an event has a silent stream", () => {
  const watch = new SilenceWatch();
  assert.equal(watch.seen("a", 100), false);
  assert.equal(watch.seen("a", 100), false);
  assert.equal(watch.seen("a", 200), false);
  assert.equal(watch.seen("a", 200), false);
  assert.equal(watch.seen("a", 300), true);
  assert.equal(watch.seen("a", 300), true);
});

Deno.test("an event begins the count anew", () => {
  const watch = new SilenceWatch();
  for (const us of [100, 200, 300]) watch.seen("a", us);
  watch.delivered("a");
  assert.equal(watch.seen("a", 400), false);
  assert.equal(watch.seen("a", 500), false);
  assert.equal(watch.seen("a", 600), true);
});

Deno.test("a device that was never seen, or is not seen any more, is not silent", () => {
  const watch = new SilenceWatch();
  for (let times = 0; times < 5; times++) assert.equal(watch.seen("a", null), false);
  assert.equal(watch.seen("a", 100), false);
  for (let times = 0; times < 5; times++) assert.equal(watch.seen("a", 100), false);
});
