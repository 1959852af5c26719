import assert from "node:assert/strict";
import fc from "fast-check";
import { LineSplitter } from "./line_splitter.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const MAX = 20;

function read(splitter: LineSplitter): string[] {
  const lines: string[] = [];
  for (let line = splitter.next(); line !== null; line = splitter.next()) {
    lines.push(line.kind === "line" ? decoder.decode(line.bytes) : "<too long>");
  }
  return lines;
}

Deno.test("lines are the same however the bytes are cut, and what is too long is reported once", () => {
  const line = fc.string({ unit: fc.constantFrom("a", "b", "é", "\r", "{"), maxLength: 40 });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 30 }), (lines, cuts) => {
      const bytes = encoder.encode(lines.map((one) => `${one}\n`).join(""));
      const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
      const splitter = new LineSplitter(MAX);
      const got: string[] = [];
      for (let index = 1; index < places.length; index++) {
        splitter.push(bytes.slice(places[index - 1], places[index]));
        // whoever is busy takes lines later
        if (index % 3 !== 0) got.push(...read(splitter));
      }
      got.push(...read(splitter));
      assert.deepEqual(
        got,
        lines.map((one) => encoder.encode(one).length > MAX ? "<too long>" : one.replace(/\r$/, "")),
      );
      assert.equal(splitter.midLine, false);
    }),
  );
});

Deno.test("a line that does not end is skipped without being kept, and its bytes are counted", () => {
  const splitter = new LineSplitter(MAX);
  for (let count = 0; count < 1000; count++) {
    splitter.push(encoder.encode("xxxxxxxxxx"));
    assert.deepEqual(read(splitter), count === 2 ? ["<too long>"] : []);
  }
  assert.equal(splitter.skippedBytes, 10_000);
  splitter.push(encoder.encode("end\nnext\n"));
  assert.deepEqual(read(splitter), ["next"]);
  assert.equal(splitter.skippedBytes, 0);
});
