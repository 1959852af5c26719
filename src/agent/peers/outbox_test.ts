import assert from "node:assert/strict";
import type { NodeId } from "../../mesh/ids.ts";
import { VirtualClock } from "../../../tests/lib/virtual_clock.ts";
import { Outbox } from "./outbox.ts";

const a = `n_${"a".repeat(32)}` as NodeId;
const b = `n_${"b".repeat(32)}` as NodeId;

Deno.test("mail goes out at a pace that the hub takes, and the newest of a kind is what a node gets", async () => {
  const clock = new VirtualClock();
  const sent: string[] = [];
  const outbox = new Outbox({
    mail: (to, message) => {
      sent.push(`${to === a ? "a" : "b"} ${message}`);
      return message === "lost" ? Promise.reject(new Error("The hub cannot be reached")) : Promise.resolve();
    },
    pause: clock.pause,
    failed: (_to, error) => sent.push(String(error)),
  });
  outbox.put(a, "offer", "first");
  outbox.put(a, "offer", "second");
  outbox.put(a, "offer", "third");
  outbox.put(b, "offer", "lost");
  outbox.put(b, "commit", "kept");
  await clock.settle();
  assert.deepEqual(sent, ["a first"]);
  await clock.advance(125);
  assert.deepEqual(sent, ["a first", "a third"]);
  await clock.advance(250);
  assert.deepEqual(sent.slice(2), ["b lost", "Error: The hub cannot be reached", "b kept"]);
  outbox.put(a, "offer", "fourth");
  outbox.put(b, "offer", "forgotten");
  outbox.forget(b);
  await clock.advance(500);
  assert.equal(sent.at(-1), "a fourth");
  await outbox.stop();
  outbox.put(a, "offer", "after the end");
  assert.equal(sent.at(-1), "a fourth");
});
