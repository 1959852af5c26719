import assert from "node:assert/strict";
import { join } from "node:path";
import { openAudit } from "../../src/audit/open_audit.ts";
import { auditCommand } from "../../src/cli/audit.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { runCommand } from "../lib/run_command.ts";

const run = (...args: string[]) => runCommand(auditCommand(), ...args);

/** A project whose gateway wrote two records. */
async function withProject(test: (project: string, auditDir: string) => Promise<void>): Promise<void> {
  const project = await Deno.makeTempDir({ prefix: "edgekeep-audit-cli-" });
  try {
    await Deno.writeTextFile(join(project, "edgekeep.toml"), '[gateway]\ndata_dir = "data"\n');
    const dir = join(project, "data", "audit");
    const nowUs = () => Date.UTC(2026, 0, 10) * 1000;
    const audit = await openAudit({ dir, faults: new FaultBoard(nowUs), nowUs });
    for (const [event, decision] of [["login", "allowed"], ["web_auth_failed", "denied"]] as const) {
      audit.record({
        event,
        principal: decision === "denied" ? null : "anna",
        role: decision === "denied" ? null : "admin",
        credential: null,
        address: "192.0.2.7",
        transport: "https",
        operation: null,
        target: null,
        decision,
        rule: null,
        outcome: decision === "denied" ? "unauthenticated" : "ok",
        fields: { user: "anna\u001b[31m" },
      });
    }
    await audit.stop();
    await test(project, dir);
  } finally {
    await Deno.remove(project, { recursive: true });
  }
}

Deno.test("verify says that the audit is sound, or where it is broken, with its exit code", () =>
  withProject(async (project, dir) => {
    const sound = await run("verify", "--project", project);
    assert.deepEqual([sound.code, sound.err], [0, ""]);
    assert.equal(sound.out, `The audit is sound: 2 records, 1 to 2, in 1 file of ${dir}\n`);
    const json = await run("verify", "--dir", dir, "--json");
    assert.deepEqual(JSON.parse(json.out), { ok: true, records: 2, files: 1, first: 1, last: 2, problem: null });

    const path = join(dir, "audit-000000000001.jsonl");
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace("192.0.2.7", "192.0.2.8"));
    const broken = await run("verify", "--project", project);
    assert.equal(broken.code, 1);
    assert.match(broken.out, /broken at .*audit-000000000001\.jsonl:1\n {2}The hash does not fit the record/);
    assert.equal(JSON.parse((await run("verify", "--dir", dir, "--json")).out).problem.line, 1);
  }));

Deno.test("tail shows the newest records, and none of them can colour the terminal", () =>
  withProject(async (project, dir) => {
    const { code, out } = await run("tail", "--project", project);
    assert.equal(code, 0);
    assert.deepEqual(out.split("\n"), [
      "2026-01-10T00:00:00.000000Z 1 login: ok, by anna (admin) from 192.0.2.7 (https) user=anna\\u001b[31m",
      "2026-01-10T00:00:00.000000Z 2 web_auth_failed: denied: unauthenticated, by somebody unknown from 192.0.2.7 " +
      "(https) user=anna\\u001b[31m",
      "",
    ]);
    const failed = await run("tail", "--dir", dir, "--event", "web_auth_failed", "--json");
    assert.deepEqual(failed.out.trimEnd().split("\n").map((line) => JSON.parse(line).sequence), [2]);
  }));

Deno.test("a folder that is not there, and a refused configuration, have their exit codes", () =>
  withProject(async (project) => {
    assert.equal((await run("verify", "--dir", join(project, "nowhere"))).code, 6);
    await Deno.writeTextFile(join(project, "edgekeep.toml"), "[gateway]\nnonsense = 1\n");
    assert.equal((await run("tail", "--project", project)).code, 3);
    assert.equal((await run("verify", "--dir", project, "--project", project)).code, 1);
  }));
