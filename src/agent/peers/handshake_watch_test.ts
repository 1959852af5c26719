import assert from "node:assert/strict";
import { HandshakeWatch } from "./handshake_watch.ts";

const second = 1_000_000;

Deno.test("a handshake is noticed once, with its age on the monotonic clock", () => {
  const watch = new HandshakeWatch();
  assert.equal(watch.look(null, 0, 0), false);
  assert.equal(watch.look(100 * second, 10_000, 104 * second), true);
  assert.equal(watch.ageMs(10_000), 4000);
  assert.equal(watch.look(100 * second, 20_000, 114 * second), false);
  assert.equal(watch.ageMs(20_000), 14_000);
});

Deno.test("a clock that is set by hours between two looks makes a handshake no older than the look before", () => {
  for (const nowUs of [100 * second + 7_200 * second, 100 * second - 7_200 * second]) {
    const watch = new HandshakeWatch();
    watch.look(1, 0, second);
    watch.look(100 * second, 10_000, nowUs);
    const ageMs = watch.ageMs(10_000);
    assert.ok(ageMs !== null && ageMs >= 0 && ageMs <= 10_000, `${ageMs}`);
  }
});

Deno.test("at the first look there is only the machine's clock, and a handshake of before is none since", () => {
  const watch = new HandshakeWatch();
  assert.equal(watch.look(100 * second, 5000, 160 * second), false);
  assert.equal(watch.ageMs(5000), 60_000);
});
