import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AuditEntry } from "../../src/audit/audit.ts";
import { openAudit } from "../../src/audit/open_audit.ts";
import { verifyFolder } from "../../src/audit/verify_folder.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { requires } from "../lib/requires.ts";
import { fillDisk, withSmallDisk } from "../lib/small_disk.ts";
import { waitFor } from "../lib/wait_for.ts";

const LIVES = 6;
const nowUs = () => Date.now() * 1000;

function entry(target: string): AuditEntry {
  return {
    event: "operation",
    principal: "anna",
    role: "admin",
    credential: "user:anna",
    address: "127.0.0.1",
    transport: "http",
    operation: "users.remove",
    target,
    decision: "allowed",
    rule: "role",
    outcome: "ok",
  };
}

/** Lets a process write records and kills it after its line number `lines`; the last id that it told. */
async function live(dir: string, lines: number): Promise<number> {
  const script = fileURLToPath(new URL("./workers/audit_drill_writer.ts", import.meta.url));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, dir],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  let text = "";
  let killed = false;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (!killed && text.split("\n").length > lines) {
      killed = true;
      child.kill("SIGKILL");
    }
  }
  const { signal } = await child.status;
  assert.equal(signal, "SIGKILL", await errors);
  // the last line may be cut short
  return Number(text.split("\n").at(-2));
}

Deno.test("a kill at any moment costs no record that was given an id, and no break in the chain", async () => {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-audit-drill-" });
  try {
    let told = 0;
    for (let life = 0; life < LIVES; life++) {
      const before = told;
      told = await live(dir, 3 + Math.floor(Math.random() * 400));
      assert.ok(told > before, `the writer began anew: ${told} after ${before}`);
    }
    const faults = new FaultBoard(nowUs);
    const audit = await openAudit({ dir, faults, nowUs, checkAfterMs: 3_600_000 });
    const { ok, last, problem } = await audit.verify();
    await audit.stop();
    assert.deepEqual([ok, problem, faults.list()], [true, null, []]);
    assert.ok((last ?? 0) >= told);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test({
  name: "a full disk stops no call, and the records are written when there is room again",
  ...requires("root"),
  fn: () =>
    withSmallDisk("size=512k", async ({ dir: disk }) => {
      const dir = join(disk, "audit");
      const faults = new FaultBoard(nowUs);
      const codes = () => faults.list().map(({ code }) => code);
      const audit = await openAudit({ dir, faults, nowUs, maxFileBytes: 16_000, checkAfterMs: 3_600_000 });
      for (let i = 0; i < 50; i++) audit.record(entry(`before-${i}`));
      const empty = await fillDisk(disk);
      for (let i = 0; i < 300; i++) audit.record(entry(`full-${i}`));
      assert.deepEqual(codes(), ["audit_unwritable"]);
      assert.equal((await audit.tail({ limit: 1 }))[0]?.target, "full-299");
      await empty();
      await waitFor("the records to be written", () => codes().length === 0);
      audit.record(entry("after"));
      await audit.stop();
      assert.deepEqual(await verifyFolder(dir).then(({ ok, last }) => [ok, last]), [true, 351]);
    }),
});
