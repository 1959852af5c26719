import assert from "node:assert/strict";
import { LogBudget } from "./log_budget.ts";

Deno.test("a log line is written ten times at once, then now and then with what was left out", () => {
  let nowMs = 0;
  const budget = new LogBudget(() => nowMs);
  for (let count = 0; count < 10; count++) assert.equal(budget.take(), 0);
  for (let count = 0; count < 7; count++) assert.equal(budget.take(), null);
  nowMs = 6_001;
  assert.equal(budget.take(), 7);
  assert.equal(budget.take(), null);
});
