import assert from "node:assert/strict";
import { waitFor } from "../../tests/lib/wait_for.ts";
import { listenForSignals } from "./process_signals.ts";

Deno.test("The first signal asks for an orderly stop, a later one for an end at once", async () => {
  let nowMs = 0;
  const signals = listenForSignals(() => nowMs);
  try {
    assert.ok(!signals.stop.aborted);
    Deno.kill(Deno.pid, "SIGTERM");
    await waitFor("the request to stop", () => signals.stop.aborted);
    assert.ok(!signals.force.aborted);
    nowMs = 5000;
    Deno.kill(Deno.pid, "SIGTERM");
    await waitFor("the request to stop at once", () => signals.force.aborted);
  } finally {
    signals.dispose();
  }
});

Deno.test("A signal that comes twice at once, as Ctrl-C under another program does, is one request", async () => {
  const signals = listenForSignals(() => 0);
  let passed = 0;
  const count = () => passed++;
  Deno.addSignalListener("SIGTERM", count);
  try {
    Deno.kill(Deno.pid, "SIGTERM");
    await waitFor("the first", () => passed === 1);
    Deno.kill(Deno.pid, "SIGTERM");
    await waitFor("the second", () => passed === 2);
    assert.ok(signals.stop.aborted && !signals.force.aborted);
  } finally {
    Deno.removeSignalListener("SIGTERM", count);
    signals.dispose();
  }
});

Deno.test("SIGHUP ends nothing and asks for a reload, as long as somebody listens", async () => {
  const signals = listenForSignals();
  let passed = 0;
  let reloads = 0;
  const note = () => passed++;
  Deno.addSignalListener("SIGHUP", note);
  try {
    const forget = signals.onReload(() => reloads++);
    Deno.kill(Deno.pid, "SIGHUP");
    await waitFor("the first", () => passed === 1);
    assert.equal(reloads, 1);
    forget();
    Deno.kill(Deno.pid, "SIGHUP");
    await waitFor("the second", () => passed === 2);
    assert.equal(reloads, 1);
    assert.ok(!signals.stop.aborted);
  } finally {
    Deno.removeSignalListener("SIGHUP", note);
    signals.dispose();
  }
});
