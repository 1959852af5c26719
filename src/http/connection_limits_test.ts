import assert from "node:assert/strict";
import { addressKey } from "../config/address_key.ts";
import fc from "fast-check";
import { ConnectionLimits, type ConnectionState, type LimitedConnection } from "./connection_limits.ts";

class Connection implements LimitedConnection {
  isCut = false;

  constructor(readonly address: string, public now: ConnectionState = "fresh") {}

  state(): ConnectionState {
    return this.now;
  }

  cut(): void {
    this.isCut = true;
  }
}

function fill(limits: ConnectionLimits<Connection>, count: number, address: string, state: ConnectionState = "fresh") {
  return Array.from({ length: count }, () => {
    const connection = new Connection(address, state);
    assert.equal(limits.admit(connection), true);
    return connection;
  });
}

Deno.test("at the cap of an address the oldest connection without a request gives way", () => {
  const limits = new ConnectionLimits<Connection>({ perAddress: 3, total: 10 });
  const [first, second, third] = fill(limits, 3, "10.0.0.1");
  if (first !== undefined) first.now = "busy";
  const [newcomer] = fill(limits, 1, "10.0.0.1");
  assert.deepEqual([first, second, third, newcomer].map((one) => one?.isCut), [false, true, false, false]);
  assert.equal(limits.size, 3);
});

Deno.test("without one, the connection that has idled longest does", () => {
  const limits = new ConnectionLimits<Connection>({ perAddress: 3, total: 10 });
  const all = fill(limits, 3, "10.0.0.1", "busy");
  for (const index of [2, 0]) {
    const connection = all[index] as Connection;
    connection.now = "idle";
    limits.idles(connection);
  }
  fill(limits, 1, "10.0.0.1");
  assert.deepEqual(all.map(({ isCut }) => isCut), [false, false, true]);
});

Deno.test("connections that are being answered are never cut: the newcomer is refused, and others are served", () => {
  const limits = new ConnectionLimits<Connection>({ perAddress: 2, total: 10 });
  const busy = fill(limits, 2, "10.0.0.1", "busy");
  assert.equal(limits.admit(new Connection("10.0.0.1")), false);
  fill(limits, 1, "10.0.0.2");
  assert.ok(busy.every(({ isCut }) => !isCut));
  assert.equal(limits.size, 3);
});

Deno.test("at the cap of all, the address that holds most gives way first", () => {
  const limits = new ConnectionLimits<Connection>({ perAddress: 8, total: 10 });
  const legit = fill(limits, 2, "10.0.0.2");
  const flood = fill(limits, 8, "10.0.0.1");
  fill(limits, 2, "10.0.0.3");
  assert.ok(legit.every(({ isCut }) => !isCut));
  assert.deepEqual(flood.slice(0, 3).map(({ isCut }) => isCut), [true, true, false]);
  for (const connection of flood) connection.now = "busy";
  // the crowd is busy, so a smaller one gives way
  fill(limits, 1, "10.0.0.4");
  assert.equal(legit.filter(({ isCut }) => isCut).length, 1);
});

Deno.test("a connection that ended makes room once, also when its end is reported twice", () => {
  const limits = new ConnectionLimits<Connection>({ perAddress: 2, total: 2 });
  const [one] = fill(limits, 2, "10.0.0.1", "busy");
  limits.remove(one as Connection);
  limits.remove(one as Connection);
  assert.equal(limits.size, 1);
  fill(limits, 1, "10.0.0.1", "busy");
  assert.equal(limits.admit(new Connection("10.0.0.1")), false);
});

Deno.test("an IPv6 host counts as its network of 64 bits, and a mapped IPv4 address as that address", () => {
  assert.equal(addressKey("::ffff:10.0.0.1"), "10.0.0.1");
  assert.equal(addressKey("2001:db8::1"), addressKey("2001:db8:0:0:ffff::2"));
  assert.equal(addressKey("2001:0DB8::1"), addressKey("2001:db8::2"));
  assert.notEqual(addressKey("2001:db8::1"), addressKey("2001:db8:0:1::1"));
  assert.equal(addressKey("fe80::1%eth0"), addressKey("fe80::2"));
  assert.notEqual(addressKey("::1"), addressKey("127.0.0.1"));
});

Deno.test("whatever comes and goes, the caps hold and nothing that is being answered is cut", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("open" as const), host: fc.nat(4) }),
    fc.record({ kind: fc.constantFrom("end" as const, "busy" as const, "idle" as const), which: fc.nat(40) }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const caps = { perAddress: 3, total: 8 };
    const limits = new ConnectionLimits<Connection>(caps);
    let open: Connection[] = [];
    for (const one of steps) {
      if (one.kind === "open") {
        const connection = new Connection(`10.0.0.${one.host}`);
        const busy = open.filter(({ now }) => now === "busy");
        if (limits.admit(connection)) open.push(connection);
        assert.ok(busy.every(({ isCut }) => !isCut));
      } else {
        const connection = open[one.which % Math.max(1, open.length)];
        if (connection === undefined) continue;
        if (one.kind === "end") {
          limits.remove(connection);
          connection.isCut = true;
        } else {
          connection.now = one.kind;
          if (one.kind === "idle") limits.idles(connection);
        }
      }
      open = open.filter(({ isCut }) => !isCut);
      assert.equal(limits.size, open.length);
      assert.deepEqual(new Set(limits.all()), new Set(open));
      assert.ok(limits.size <= caps.total);
      for (const address of new Set(open.map((connection) => connection.address))) {
        assert.ok(open.filter((connection) => connection.address === address).length <= caps.perAddress);
      }
    }
  }));
});
