import assert from "node:assert/strict";
import { type ActiveFault, FaultBoard } from "./fault_board.ts";
import { faultCatalogue } from "./fault_catalogue.ts";

Deno.test("A raised fault carries the catalogue's words and the time it began", () => {
  let nowUs = 5;
  const board = new FaultBoard(() => nowUs);
  board.raise("source_unreachable", "Connection refused", "chirpstack");
  nowUs = 9;
  board.raise("source_unreachable", "Timed out", "chirpstack");
  const [fault] = board.list();
  assert.equal(fault?.title, faultCatalogue.source_unreachable.title);
  assert.equal(fault?.remedy, faultCatalogue.source_unreachable.remedy);
  assert.equal(fault?.detail, "Timed out");
  assert.equal(fault?.sinceUs, 5);
  assert.equal(board.list().length, 1);
});

Deno.test("Listeners hear of a new fault, of a new detail and of the end, not of a repetition", () => {
  const board = new FaultBoard(() => 0);
  const heard: [string, boolean][] = [];
  const unsubscribe = board.subscribe((fault: ActiveFault, active) => heard.push([fault.detail, active]));
  board.raise("device_decoding", "a", "dev");
  board.raise("device_decoding", "a", "dev");
  board.raise("device_decoding", "b", "dev");
  board.clear("device_decoding", "other");
  board.clear("device_decoding", "dev");
  board.clear("device_decoding", "dev");
  unsubscribe();
  board.raise("device_decoding", "c", "dev");
  assert.deepEqual(heard, [["a", true], ["b", true], ["b", false]]);
});

Deno.test("The list has the most severe first, then the oldest", () => {
  let nowUs = 0;
  const board = new FaultBoard(() => nowUs++);
  board.raise("device_decoding", "", "first");
  board.raise("device_decoding", "", "second");
  board.raise("source_unreachable", "");
  assert.deepEqual(board.list().map((fault) => fault.subject), ["", "first", "second"]);
});

Deno.test("Every known fault says what it is, why, and what to do", () => {
  for (const [code, kind] of Object.entries(faultCatalogue)) {
    assert.match(code, /^[a-z]+(_[a-z]+)*$/);
    for (const text of [kind.title, kind.cause, kind.remedy]) assert.match(text, /^[A-Z].{5,}/s, code);
    assert.ok(!kind.title.endsWith("."), `${code}: a title is no sentence`);
    assert.ok(kind.remedy.endsWith("."), `${code}: a remedy is a sentence`);
  }
});
