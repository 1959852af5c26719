import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_LINE_BYTES } from "../../src/control/wire.ts";
import { ControlPeer } from "../lib/control_peer.ts";
import { ControlWorld } from "../lib/control_world.ts";
import { waitFor } from "../lib/wait_for.ts";

const encoder = new TextEncoder();
const noNewline = (bytes: Uint8Array) => bytes.map((byte) => byte === 0x0a ? 0x20 : byte);

const id = fc.oneof(fc.integer(), fc.string({ minLength: 1, maxLength: 64 }));
const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 5 }),
  fc.constantFrom("__proto__", "constructor", "\u0000", "1e999", 1e308, -0, Number.MAX_SAFE_INTEGER + 2),
);
/** No stream: it would go on. No cancel of what runs, no token that holds. */
const type = fc.constantFrom("hello", "whoami", "status", "no.such", "auth", "cancel", "toString", "__proto__", "");
const envelope = fc.record(
  {
    id: fc.oneof(id, anything),
    type: fc.oneof(type, anything),
    params: anything,
    auth: anything,
    request_id: anything,
  },
  { requiredKeys: [] },
);
const prototypeKeys = fc.constantFrom(
  '{"id":1,"type":"status","__proto__":{"ok":true}}',
  '{"__proto__":{"id":1,"type":"status"}}',
  '{"id":1,"type":"status","params":{"__proto__":{"wait":true}}}',
  '{"id":1,"type":"status","params":{"constructor":{"prototype":{"wait":true}}}}',
  '{"id":1,"type":"hasOwnProperty"}',
);
const line = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map(noNewline),
  fc.jsonValue({ maxDepth: 4 }).map((value) => encoder.encode(JSON.stringify(value))),
  envelope.map((value) => encoder.encode(JSON.stringify(value))),
  fc.record({ id, type, params: fc.object() }).map((value) => encoder.encode(JSON.stringify(value))),
  envelope.map((value) => encoder.encode(JSON.stringify(value)).slice(0, -1)),
  envelope.map((value) => encoder.encode(`${JSON.stringify(value)}\r`)),
  prototypeKeys.map((text) => encoder.encode(text)),
  fc.integer({ min: 1, max: 5000 }).map((depth) =>
    encoder.encode(`{"id":1,"type":"status","params":${"[".repeat(depth)}`)
  ),
  fc.integer({ min: 1, max: 400 }).map((digits) => encoder.encode(`{"id":${"9".repeat(digits)},"type":"status"}`)),
  fc.constant(encoder.encode('{"id":1,"id":2,"type":"hello","type":"whoami"}')),
);
const oversized = fc.integer({ min: MAX_LINE_BYTES + 1, max: MAX_LINE_BYTES + 100_000 })
  .map((length) => new Uint8Array(length).fill(0x61));

/** The bytes of the lines, cut into pieces at any places. */
function pieces(lines: readonly Uint8Array[], cuts: readonly number[]): Uint8Array[] {
  const bytes = new Uint8Array(lines.reduce((sum, { length }) => sum + length + 1, 0));
  let at = 0;
  for (const one of lines) {
    bytes.set(one, at);
    at += one.length;
    bytes[at++] = 0x0a;
  }
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.slice(places[index], end));
}

Deno.test("whatever lines come, each gets one answer, refusals are written down, and nothing is left over", async () => {
  await using world = await ControlWorld.start({}, { limits: { maxAuthFailures: 1_000_000, maxCalls: 1_000_000 } });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 60, arbitrary: line }, { weight: 1, arbitrary: oversized }), {
        minLength: 1,
        maxLength: 60,
      }),
      fc.array(fc.nat(), { maxLength: 20 }),
      async (lines, cuts) => {
        const { entries } = world.audit;
        entries.length = 0;
        const peer = await ControlPeer.connect(world.url);
        for (const piece of pieces(lines, cuts)) peer.send(piece);
        await waitFor(
          `${lines.length} answers, and not ${peer.lines.length}`,
          () => peer.lines.length >= lines.length,
          { everyMs: 1, deadlineMs: 20_000 },
        );
        // it lives
        assert.equal((await peer.ask({ id: "the last", type: "hello" })).ok, true);
        assert.equal(peer.lines.length, lines.length + 1);
        assert.ok(peer.lines.every(({ ok, more }) => typeof ok === "boolean" && more === undefined));
        // every refusal has its own record, named in the answer
        const refused = peer.lines.filter(({ ok }) => !ok);
        assert.equal(entries.length, refused.length);
        assert.deepEqual(
          new Set(refused.map(({ audit_id }) => audit_id)),
          new Set(entries.map((_, n) => String(n + 1))),
        );
        peer.close();
        await waitFor("the connection to be forgotten", () => world.control?.list().length === 0, { everyMs: 1 });
        assert.deepEqual([world.calls, world.streams], [0, 0]);
      },
    ),
    { numRuns: 150, endOnFailure: true },
  );
  assert.equal(({} as Record<string, unknown>)["wait"], undefined);
});

Deno.test("whatever bytes come, whole or torn, over TCP and TLS, the endpoint goes on", async () => {
  for (const tls of [false, true]) {
    await using world = await ControlWorld.start({ endpoint: "tcp://127.0.0.1:0" }, { tls, limits: { idleMs: 5_000 } });
    const good = await ControlPeer.connect(world.url);
    await good.ask({ id: 1, type: "auth", auth: "viewer-token" });
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 5 }),
        async (plain, chunks) => {
          const peer = plain ? await ControlPeer.connectPlain(world.url) : await ControlPeer.connect(world.url);
          for (const chunk of chunks) peer.send(chunk);
          peer.socket.end();
          assert.deepEqual((await good.ask({ id: 2, type: "whoami" })).result, { name: "viewer token" });
        },
      ),
      { numRuns: 60, endOnFailure: true },
    );
    // the runtime's TLS loses the end of a stream now and then: such a peer is one that says nothing more
    await waitFor("all others to be forgotten", async () => {
      await good.ask({ id: 3, type: "whoami" });
      return world.control?.list().length === 1;
    });
    good.close();
  }
});

Deno.test("streams begun and cancelled by the thousand leave nothing behind", async () => {
  await using world = await ControlWorld.start();
  const peer = await ControlPeer.connect(world.url);
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(), { minLength: 1, maxLength: 16 }), async (ids) => {
      peer.lines.length = 0;
      for (const one of ids) peer.sendLine({ id: one, type: "events.tail" });
      await waitFor("all to be open", () => world.streams === ids.length, { everyMs: 1 });
      for (const one of ids.toReversed()) peer.sendLine({ id: `cancel ${one}`, type: "cancel", params: { id: one } });
      await waitFor("all to end", () => peer.lines.length === 3 * ids.length, { everyMs: 1 });
      await waitFor("the operations to end", () => world.streams === 0, { everyMs: 1 });
    }),
    { numRuns: 100 },
  );
  peer.close();
});
