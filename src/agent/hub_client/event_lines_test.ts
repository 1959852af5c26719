import assert from "node:assert/strict";
import fc from "fast-check";
import { EventLines } from "./event_lines.ts";
import { HubRequestError } from "./hub_requests.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("events come out the same however the stream is cut", () => {
  const stream = bytes(': hello\n\nid: 1-2\ndata: {"a":"ü"}\n\nid: 1-3\r\ndata:{}\r\n\r\nretry: 5\n\ndata: last\n\n');
  const lengths = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: stream.length, maxLength: stream.length });
  fc.assert(fc.property(lengths, (cuts) => {
    const lines = new EventLines(64);
    const events: string[] = [];
    let at = 0;
    for (const cut of cuts) {
      events.push(...lines.push(stream.subarray(at, at + cut)));
      at += cut;
    }
    assert.deepEqual(events, ['{"a":"ü"}', "{}", "last"]);
  }));
});

Deno.test("an event is given out when it is whole, not before", () => {
  const lines = new EventLines(64);
  assert.deepEqual(lines.push(bytes("data: one\n")), []);
  assert.deepEqual(lines.push(bytes("\ndata: two")), ["one"]);
});

for (
  const [what, stream] of [
    ["that is too long", bytes(`data: ${"x".repeat(100)}`)],
    ["that is not UTF-8", Uint8Array.of(...bytes("data: "), 0xc3, 0x28, 0x0a)],
  ] as const
) {
  Deno.test(`a line ${what} ends the stream`, () => {
    assert.throws(() => new EventLines(64).push(stream), HubRequestError);
  });
}

Deno.test("an event of two data lines is refused", () => {
  assert.throws(() => new EventLines(64).push(bytes("data: a\ndata: b\n")), HubRequestError);
});
