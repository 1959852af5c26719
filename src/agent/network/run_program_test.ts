import assert from "node:assert/strict";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { complaintOf } from "./complaint_of.ts";
import { ProgramError, runProgram } from "./run_program.ts";

const codeOf = (run: Promise<unknown>) =>
  run.then(() => "ended", (error) => error instanceof ProgramError ? error.code : error);

Deno.test("a program's output and exit code are given, and its failure is no error", async () => {
  const { code, stdout, stderr } = await runProgram("ip", ["-V"]);
  assert.equal(code, 0);
  assert.match(stdout + stderr, /iproute2/);
  const failed = await runProgram("ip", ["link", "show", "dev", "there-is-none"]);
  assert.notEqual(failed.code, 0);
  assert.match(failed.stderr, /does not exist/);
});

Deno.test("what a program reads comes from its input, also when it ends before it has read all", async () => {
  const { stdout } = await runProgram("ip", ["-j", "-batch", "-"], { stdin: "link show dev lo\n" });
  assert.match(stdout, /"ifname":"lo"/);
  const { code } = await runProgram("ip", ["link", "show", "dev", "there-is-none"], { stdin: "x\n".repeat(500_000) });
  assert.notEqual(code, 0);
});

Deno.test("a program that takes too long, or whose agent stops, is ended", async () => {
  assert.equal(await codeOf(runProgram("ip", ["monitor"], { timeoutMs: 50 })), "timeout");
  const stop = new AbortController();
  const running = runProgram("ip", ["monitor"], { signal: stop.signal });
  stop.abort();
  assert.equal(await codeOf(running), "aborted");
  assert.equal(await codeOf(runProgram("ip", ["-V"], { signal: stop.signal })), "aborted");
});

Deno.test("a program sees nothing of the agent's environment", async () => {
  Deno.env.set("EDGEKEEP_TEST_LEAK", "leak");
  const stop = new AbortController();
  const child = codeOf(runProgram("ip", ["monitor"], { timeoutMs: 60_000, signal: stop.signal }));
  try {
    const pid = await waitFor(
      "the child",
      () =>
        [...Deno.readDirSync("/proc")].map(({ name }) => name).filter((name) => /^\d+$/.test(name)).find((name) => {
          const parent = /^PPid:\t(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${name}/status`))?.[1];
          return Number(parent) === Deno.pid && Deno.readTextFileSync(`/proc/${name}/cmdline`).endsWith("monitor\0");
        }),
    );
    assert.equal(Deno.readTextFileSync(`/proc/${pid}/environ`), "");
  } finally {
    stop.abort();
    assert.equal(await child, "aborted");
    Deno.env.delete("EDGEKEEP_TEST_LEAK");
  }
});

Deno.test("a complaint is one line without control characters, bounded", () => {
  assert.equal(
    complaintOf("\n  RTNETLINK answers: File exists\nCommand failed -:1\n"),
    "RTNETLINK answers: File exists",
  );
  assert.equal(complaintOf("Command failed -:1\nError: \u001b[31mbad"), "Error:  [31mbad");
  assert.equal(complaintOf("x".repeat(1000)).length, 200);
  assert.equal(complaintOf(""), "it said nothing");
});
