import assert from "node:assert/strict";
import fc from "fast-check";
import { addressKey } from "../config/address_key.ts";
import { FREE_FAILURES, Throttle } from "./throttle.ts";

const SECOND_US = 1_000_000;

function world() {
  const clock = { us: 1_700_000_000_000_000 };
  const throttle = new Throttle(() => clock.us);
  return {
    clock,
    throttle,
    /** Whether the attempt was checked; it fails. */
    fail: (address: string, name: string | null) => throttle.begin(address, name).ok,
    succeed(address: string, name: string | null) {
      const attempt = throttle.begin(address, name);
      if (attempt.ok) attempt.succeeded();
      return attempt.ok;
    },
  };
}

Deno.test("four failures are free, then the wait doubles up to a quarter of an hour", () => {
  const { clock, throttle, fail } = world();
  for (let i = 0; i < FREE_FAILURES; i++) {
    assert.equal(throttle.waitMs("10.0.0.1", null), 0);
    assert.ok(fail("10.0.0.1", null));
  }
  const waits: number[] = [];
  for (let i = 0; i < 12; i++) {
    assert.ok(fail("10.0.0.1", null));
    const waitMs = throttle.waitMs("10.0.0.1", null);
    assert.ok(!fail("10.0.0.1", null));
    assert.equal(throttle.waitMs("10.0.0.1", null), waitMs, "a refused attempt counts nothing");
    waits.push(waitMs / 1000);
    clock.us += waitMs * 1000;
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
});

Deno.test("failures are forgotten with time", () => {
  const { clock, throttle, fail } = world();
  for (let i = 0; i < 6; i++) {
    assert.ok(fail("10.0.0.1", null));
    clock.us += throttle.waitMs("10.0.0.1", null) * 1000;
  }
  clock.us += 2 * 900 * SECOND_US;
  assert.ok(fail("10.0.0.1", null));
  assert.equal(throttle.waitMs("10.0.0.1", null), 1000, "two of six were forgotten: this is the fifth");
});

Deno.test("strangers who guess at a name do not shut its owner out", () => {
  const { clock, throttle, fail, succeed } = world();
  assert.ok(succeed("10.0.0.1", "anna"));
  for (let i = 0; i < 500; i++) {
    fail(`172.16.${i >> 8}.${i & 255}`, "anna");
    clock.us += SECOND_US / 10;
  }
  assert.ok(throttle.waitMs("172.17.0.1", "anna") > 0, "another address waits");
  assert.ok(throttle.waitMs("172.17.0.1", "anna") <= 60_000, "but not for long");
  assert.equal(throttle.waitMs("10.0.0.1", "anna"), 0);
  assert.ok(succeed("10.0.0.1", "anna"));
});

Deno.test("a broken client does not shut out people who have logged in from its address", () => {
  const { clock, throttle, fail, succeed } = world();
  assert.ok(succeed("10.0.0.1", "anna"));
  for (let i = 0; i < 100; i++) {
    fail("10.0.0.1", "scada");
    clock.us += SECOND_US;
  }
  assert.ok(throttle.waitMs("10.0.0.1", "scada") > 0);
  assert.ok(throttle.waitMs("10.0.0.1", "bert") > 0);
  assert.equal(throttle.waitMs("10.0.0.1", "anna"), 0);
});

Deno.test("guesses at a name from where its owner logs in are slowed too", () => {
  const { throttle, fail, succeed } = world();
  assert.ok(succeed("10.0.0.1", "anna"));
  for (let i = 0; i <= FREE_FAILURES; i++) assert.ok(fail("10.0.0.1", "anna"));
  assert.equal(throttle.waitMs("10.0.0.1", "anna"), 1000);
});

Deno.test("an account of one's own does not buy guesses at others", () => {
  const { clock, throttle, fail, succeed } = world();
  let checked = 0;
  for (let i = 0; i < 3600; i++) {
    succeed("10.0.0.1", "mallory");
    if (fail("10.0.0.1", "anna")) checked++;
    clock.us += SECOND_US;
  }
  assert.ok(checked <= 20, `${checked} guesses in an hour`);
  assert.ok(throttle.waitMs("10.0.0.1", "anna") > 0);
});

Deno.test("a success forgets the failures before it", () => {
  const { throttle, fail, succeed } = world();
  for (let i = 0; i < FREE_FAILURES; i++) fail("10.0.0.1", "anna");
  assert.ok(succeed("10.0.0.1", "anna"));
  for (let i = 0; i < FREE_FAILURES; i++) assert.ok(fail("10.0.0.1", "anna"));
  assert.equal(throttle.waitMs("10.0.0.1", "anna"), 0);
});

Deno.test("an attempt that was not checked counts neither way", () => {
  const { throttle } = world();
  for (let i = 0; i < 50; i++) {
    const attempt = throttle.begin("10.0.0.1", "anna");
    assert.ok(attempt.ok);
    attempt.withdrawn();
  }
  assert.equal(throttle.size, 0);
});

Deno.test("attempts at once are not all free", () => {
  const { throttle } = world();
  const begun = Array.from({ length: 100 }, () => throttle.begin("10.0.0.1", "anna"));
  assert.equal(begun.filter(({ ok }) => ok).length, FREE_FAILURES + 1);
});

Deno.test("an IPv6 address counts by its network, IPv4 in IPv6 form as IPv4", () => {
  assert.equal(addressKey("2001:db8:0:7::1"), "2001:db8:0:7::/64");
  assert.equal(addressKey("2001:DB8:0:7:ffff:1:2:3"), "2001:db8:0:7::/64");
  assert.notEqual(addressKey("2001:db8:0:8::1"), addressKey("2001:db8:0:7::1"));
  assert.equal(addressKey("fe80::1%eth0"), "fe80:0:0:0::/64");
  assert.equal(addressKey("::ffff:192.0.2.7"), "192.0.2.7");
  assert.equal(addressKey("0:0:0:0:0:ffff:c000:207"), "192.0.2.7");
  assert.equal(addressKey("::1"), "::1");
  assert.equal(addressKey("local"), "local");
});

Deno.test("memory stays bounded", () => {
  const { throttle, fail } = world();
  for (let i = 0; i < 60_000; i++) fail(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, `user-${i}`);
  assert.ok(throttle.size <= 20_000, String(throttle.size));
});

Deno.test("whatever comes, an address gets few guesses in a day and waits at most a quarter of an hour", () => {
  const step = fc.record({
    waitS: fc.integer({ min: 0, max: 2000 }),
    name: fc.constantFrom("anna", "bert", null),
    address: fc.constantFrom("10.0.0.1", "10.0.0.2"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const { clock, throttle, fail } = world();
      const startUs = clock.us;
      const checked = new Map<string, number>();
      for (const { waitS, name, address } of steps) {
        clock.us += waitS * SECOND_US;
        const waitMs = throttle.waitMs(address, name);
        assert.ok(waitMs <= 900_000);
        const ok = fail(address, name);
        assert.equal(ok, waitMs === 0);
        if (ok) checked.set(address, (checked.get(address) ?? 0) + 1);
      }
      const hours = (clock.us - startUs) / (3600 * SECOND_US);
      // 4 free, 10 while the wait grows, then one for each time that a failure takes to be forgotten
      for (const count of checked.values()) assert.ok(count <= 15 + 8 * hours, `${count} in ${hours} h`);
    }),
    { numRuns: 200 },
  );
});

Deno.test("a clock that is set back prolongs no wait", () => {
  const { clock, throttle, fail } = world();
  for (let i = 0; i <= FREE_FAILURES; i++) fail("10.0.0.1", null);
  clock.us -= 86_400 * SECOND_US;
  assert.equal(throttle.waitMs("10.0.0.1", null), 1000);
  clock.us += SECOND_US;
  assert.equal(throttle.waitMs("10.0.0.1", null), 0);
});
