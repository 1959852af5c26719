import assert from "node:assert/strict";
import fc from "fast-check";
import { sha256Hex } from "../../mesh/encoding.ts";
import type { NodeRow } from "../store/hub_rows.ts";
import {
  firstGenerations,
  newestGeneration,
  type PskGenerations,
  pskIdOf,
  refreshSteps,
  stepOf,
  withRefresh,
  withSteps,
} from "./psk_generations.ts";

function node(name: string, pskFrom = 1): NodeRow {
  return { nodeId: `n_${sha256Hex(name).slice(0, 32)}`, pskFrom } as NodeRow;
}

Deno.test("a pair's psk_hub_id never falls, and reaches the newest refresh when that is over", () => {
  const step = fc.oneof(fc.constant("begin" as const), fc.nat(400), fc.constant("join" as const));
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    let generations: PskGenerations = firstGenerations;
    const nodes = [node("a"), node("b"), node("c")];
    const before = new Map<string, number>();
    for (const one of [...steps, refreshSteps]) {
      if (one === "begin") generations = withRefresh(generations, 0);
      else if (one === "join") nodes.push(node(`late ${nodes.length}`, newestGeneration(generations)));
      else {
        const done = generations.running.at(-1)?.steps ?? 0;
        generations = withSteps(generations, done + one);
      }
      for (const a of nodes) {
        for (const b of nodes) {
          if (a === b) continue;
          const key = [a.nodeId, b.nodeId].sort().join();
          const id = pskIdOf(generations, a, b);
          assert.equal(id, pskIdOf(generations, b, a));
          assert.ok(id >= (before.get(key) ?? 1));
          before.set(key, id);
        }
      }
      assert.ok(generations.running.length <= 16);
    }
    assert.equal(generations.running.length, 0);
    for (const id of before.values()) assert.equal(id, generations.base);
  }));
});

Deno.test("turns of the pairs are spread evenly over the ten minutes", () => {
  const nodes = Array.from({ length: 120 }, (_, i) => node(`box ${i}`));
  const minutes = new Array<number>(10).fill(0);
  for (const [i, a] of nodes.entries()) {
    for (const b of nodes.slice(i + 1)) {
      assert.equal(stepOf(a, b, 7), stepOf(b, a, 7));
      const minute = Math.floor(stepOf(a, b, 7) / 60);
      minutes[minute] = (minutes[minute] ?? 0) + 1;
    }
  }
  for (const count of minutes) assert.ok(count > 500 && count < 950, minutes.join());
});
