import assert from "node:assert/strict";
import fc from "fast-check";
import { BodyBudget } from "./body_budget.ts";

Deno.test("when bodies together are too large, the one that comes for longest is cut", () => {
  const budget = new BodyBudget(100);
  const cut: string[] = [];
  const begin = (name: string) => budget.begin(() => cut.push(name));
  const [a, b, c] = [begin("a"), begin("b"), begin("c")];
  a.add(40);
  b.add(40);
  c.add(20);
  assert.deepEqual([cut, budget.bytes], [[], 100]);
  c.add(1);
  assert.deepEqual([cut, budget.bytes], [["a"], 61]);
  a.add(500); // it is none any more
  a.end();
  assert.equal(budget.bytes, 61);
  b.end();
  c.end();
  assert.equal(budget.bytes, 0);
});

Deno.test("whatever comes and goes, the sum holds and nothing is left over", () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(5), fc.nat(60), fc.boolean())), (steps) => {
    const budget = new BodyBudget(100);
    const open = new Map<number, ReturnType<BodyBudget["begin"]>>();
    for (const [name, bytes, ends] of steps) {
      const body = open.get(name) ?? budget.begin(() => open.delete(name));
      open.set(name, body);
      if (ends) {
        body.end();
        open.delete(name);
      } else body.add(bytes);
      assert.ok(budget.bytes <= 100 && budget.bytes >= 0);
    }
    for (const body of open.values()) body.end();
    assert.equal(budget.bytes, 0);
  }));
});
