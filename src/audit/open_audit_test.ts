// deno-lint-ignore-file no-non-null-assertion -- what is missing fails the test
import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { waitFor } from "../../tests/lib/wait_for.ts";
import { FaultBoard } from "../telemetry/fault_board.ts";
import type { Audit, AuditEntry } from "./audit.ts";
import { auditFiles, HEAD_FILE } from "./audit_folder.ts";
import { type AuditOptions, openAudit } from "./open_audit.ts";
import { verifyFolder } from "./verify_folder.ts";

const entry = (over: Partial<AuditEntry> = {}): AuditEntry => ({
  event: "operation",
  principal: "anna",
  role: "admin",
  credential: "user:anna",
  address: "127.0.0.1",
  transport: "http",
  operation: "users.remove",
  target: "bert",
  decision: "allowed",
  rule: "role",
  outcome: "ok",
  ...over,
});

/** A folder with an audit in it, and a clock that the test owns. */
class Site implements AsyncDisposable {
  readonly root = Deno.makeTempDirSync({ prefix: "edgekeep-audit-" });
  readonly dir = join(this.root, "audit");
  nowUs = Date.UTC(2026, 0, 10) * 1000;
  faults = new FaultBoard(() => this.nowUs);
  #open: Audit[] = [];

  async open(options: Partial<AuditOptions> = {}): Promise<Audit> {
    this.faults = new FaultBoard(() => this.nowUs);
    const audit = await openAudit({
      dir: this.dir,
      faults: this.faults,
      nowUs: () => this.nowUs,
      checkAfterMs: 600_000,
      ...options,
    });
    this.#open.push(audit);
    return audit;
  }

  /** Writes `count` records and stops. */
  async fill(count: number, options: Partial<AuditOptions> = {}): Promise<void> {
    const audit = await this.open(options);
    for (let i = 0; i < count; i++) audit.record(entry({ target: `user-${i}` }));
    await audit.stop();
  }

  files(): string[] {
    return auditFiles(this.dir).map(({ name }) => join(this.dir, name));
  }

  file(index: number): string {
    const path = this.files().at(index);
    assert.ok(path !== undefined);
    return path;
  }

  codes(): string[] {
    return this.faults.list().map(({ code }) => code);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const audit of this.#open) await audit.stop();
    await Deno.remove(this.root, { recursive: true });
  }
}

Deno.test("records are lines of a chain, in a file that nobody else can read", async () => {
  await using site = new Site();
  const audit = await site.open();
  assert.equal(audit.record(entry({ fields: { reason: "grün ✓", list: ["a", "b"], none: null } })), "1");
  assert.equal(audit.record(entry({ target: null })), "2");
  const [first, second] = await audit.tail({ limit: 10 });
  assert.equal(first?.previous, "0".repeat(64));
  assert.equal(second?.previous, first?.hash);
  assert.equal(first?.time, "2026-01-10T00:00:00.000000Z");
  assert.deepEqual(first?.fields, { list: ["a", "b"], none: null, reason: "grün ✓" });
  assert.equal((Deno.statSync(site.file(0)).mode ?? 0) & 0o777, 0o600);
  assert.equal((Deno.statSync(site.dir).mode ?? 0) & 0o777, 0o700);
  assert.deepEqual(await audit.verify(), { ok: true, records: 2, files: 1, first: 1, last: 2, problem: null });
});

Deno.test("a restart goes on with the chain", async () => {
  await using site = new Site();
  await site.fill(3);
  await site.fill(2);
  assert.deepEqual(await verifyFolder(site.dir), { ok: true, records: 5, files: 1, first: 1, last: 5, problem: null });
  assert.deepEqual(site.codes(), []);
});

Deno.test("listeners hear of each record, and the tail knows the newest of one event", async () => {
  await using site = new Site();
  const audit = await site.open({ maxFileBytes: 2000 });
  const heard: number[] = [];
  const leave = audit.subscribe(({ sequence }) => heard.push(sequence));
  for (let i = 0; i < 12; i++) audit.record(entry({ event: i % 3 === 0 ? "login" : "operation" }));
  leave();
  audit.record(entry());
  assert.deepEqual(heard, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  assert.deepEqual((await audit.tail({ limit: 3 })).map(({ sequence }) => sequence), [11, 12, 13]);
  assert.deepEqual((await audit.tail({ limit: 3, event: "login" })).map(({ sequence }) => sequence), [4, 7, 10]);
});

Deno.test("rotation keeps the chain, and pruning leaves an anchor that a removal does not have", async () => {
  await using site = new Site();
  await site.fill(40, { maxFileBytes: 2500, maxFiles: 4 });
  assert.equal(site.files().length, 4);
  const pruned = await verifyFolder(site.dir);
  assert.equal(pruned.ok, true);
  assert.equal(pruned.last, 40);
  assert.ok((pruned.first ?? 0) > 1);

  Deno.removeSync(site.file(0));
  const removed = await verifyFolder(site.dir);
  assert.equal(removed.ok, false);
  assert.match(removed.problem?.text ?? "", /first record is missing/);
});

Deno.test("no byte of a file can change unnoticed", async () => {
  await using site = new Site();
  await site.fill(12, { maxFileBytes: 2500 });
  const paths = [...site.files(), join(site.dir, HEAD_FILE)];
  const originals = paths.map((path) => Deno.readFileSync(path));
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: paths.length - 1 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (which, at, xor) => {
        const original = originals[which]!;
        const changed = original.slice();
        changed[at % changed.length]! ^= xor;
        Deno.writeFileSync(paths[which]!, changed);
        const { ok, problem } = await verifyFolder(site.dir);
        Deno.writeFileSync(paths[which]!, original);
        assert.equal(ok, false);
        assert.ok(problem !== null);
      },
    ),
    { numRuns: 300 },
  );
  assert.equal((await verifyFolder(site.dir)).ok, true);
});

Deno.test("lines that are removed, added, doubled or exchanged are noticed, with file and line", async () => {
  await using site = new Site();
  await site.fill(8);
  const path = site.file(0);
  const text = Deno.readTextFileSync(path);
  const lines = text.trimEnd().split("\n");
  const forged = JSON.stringify({ ...JSON.parse(lines[3]!), target: "mallory" });
  const cases: readonly (readonly [string, readonly string[], number])[] = [
    ["removed", lines.toSpliced(3, 1), 4],
    ["first removed", lines.slice(1), 1],
    ["doubled", lines.toSpliced(4, 0, lines[3]!), 5],
    ["exchanged", lines.with(2, lines[5]!).with(5, lines[2]!), 3],
    ["added", lines.toSpliced(4, 0, forged), 5],
    ["blank", lines.toSpliced(4, 0, ""), 5],
    ["forged", lines.with(3, forged), 4],
    ["cut off", lines.slice(0, 6), 7],
    ["all cut off", [], 1],
  ];
  for (const [what, changed, line] of cases) {
    Deno.writeTextFileSync(path, changed.map((one) => `${one}\n`).join(""));
    const { ok, problem } = await verifyFolder(site.dir);
    assert.equal(ok, false, what);
    assert.equal(problem?.line, line, what);
    assert.equal(problem?.file, "audit-000000000001.jsonl", what);
  }
  Deno.writeTextFileSync(path, text);
  assert.equal((await verifyFolder(site.dir)).ok, true);
  Deno.removeSync(join(site.dir, HEAD_FILE));
  assert.equal((await verifyFolder(site.dir)).problem?.file, HEAD_FILE);
});

Deno.test("a line that a kill tore is kept aside and told of", async () => {
  await using site = new Site();
  await site.fill(3);
  Deno.writeTextFileSync(site.file(0), '{"address":"127.0.', { append: true });
  const audit = await site.open();
  const [record] = await audit.tail({ limit: 1 });
  assert.equal(record?.event, "audit_recovered");
  assert.equal(record?.sequence, 4);
  assert.equal(Deno.readTextFileSync(join(site.dir, String(record?.fields?.["aside"]))), '{"address":"127.0.');
  assert.equal((await audit.verify()).ok, true);
  assert.deepEqual(site.codes(), []);
});

Deno.test("an empty newest file, as a kill leaves it, is no break", async () => {
  await using site = new Site();
  await site.fill(3);
  Deno.writeTextFileSync(join(site.dir, "audit-000000000004.jsonl"), "");
  await site.fill(1);
  assert.deepEqual(site.codes(), []);
  assert.equal((await verifyFolder(site.dir)).last, 4);
});

Deno.test("a broken chain is left as it is and a new one begins with a record that says so", async () => {
  await using site = new Site();
  await site.fill(5);
  const path = site.file(0);
  const tampered = Deno.readTextFileSync(path).replace("user-2", "user-9");
  Deno.writeTextFileSync(path, tampered);

  const audit = await site.open();
  assert.deepEqual(site.codes(), ["audit_chain_broken"]);
  assert.equal(audit.record(entry()), "7");
  const [declared] = await audit.tail({ limit: 2 });
  assert.equal(declared?.event, "audit_chain_broken");
  assert.equal(declared?.fields?.["line"], 3);
  await audit.stop();
  assert.equal(Deno.readTextFileSync(path), tampered);
  assert.equal((await verifyFolder(site.dir)).problem?.line, 3);

  // once told is enough, but the fault stays for as long as the broken file is there
  const again = await site.open();
  assert.equal(again.record(entry()), "8");
  assert.deepEqual(site.codes(), ["audit_chain_broken"]);
  assert.equal((await again.verify()).ok, false);
  await again.stop();
  Deno.renameSync(path, join(site.root, "evidence.jsonl"));
  const clean = await site.open();
  assert.deepEqual(site.codes(), []);
  assert.deepEqual(await clean.verify(), { ok: true, records: 3, files: 1, first: 6, last: 8, problem: null });
});

Deno.test("records cut off at the end, and an emptied folder, are noticed at the start", async () => {
  await using site = new Site();
  await site.fill(5);
  const path = site.file(0);
  const lines = Deno.readTextFileSync(path).split("\n");
  Deno.writeTextFileSync(path, `${lines.slice(0, 3).join("\n")}\n`);
  const audit = await site.open();
  assert.deepEqual(site.codes(), ["audit_chain_broken"]);
  assert.equal((await audit.tail({ limit: 1 }))[0]?.sequence, 6);
  await audit.stop();

  for (const file of site.files()) Deno.removeSync(file);
  const emptied = await site.open();
  assert.deepEqual(site.codes(), ["audit_chain_broken"]);
  assert.equal((await emptied.tail({ limit: 1 }))[0]?.sequence, 7);
});

Deno.test("older files are checked after the start", async () => {
  await using site = new Site();
  await site.fill(20, { maxFileBytes: 2500 });
  const path = site.file(1);
  Deno.writeTextFileSync(path, Deno.readTextFileSync(path).replace(/"target":"user-\d+"/, '"target":"nobody"'));
  const audit = await site.open({ checkAfterMs: 0 });
  assert.deepEqual(site.codes(), []);
  await waitFor("the fault", () => site.codes().includes("audit_chain_broken"));
  await waitFor("the record", async () => (await audit.tail({ limit: 1 }))[0]?.event === "audit_chain_broken");
  assert.equal(site.files().length, auditFiles(site.dir).length);
});

Deno.test("somebody unknown who hammers at the door is counted", async () => {
  await using site = new Site();
  const audit = await site.open();
  const knock = (address: string) =>
    audit.record(entry({ event: "web_auth_failed", principal: null, role: null, decision: "denied", address }));
  for (let i = 0; i < 500; i++) knock("203.0.113.9");
  for (let i = 0; i < 3; i++) knock("203.0.113.10");
  assert.equal(knock("203.0.113.9"), "repeated");
  assert.equal((await audit.tail({ limit: 1000 })).length, 23);
  site.nowUs += 61_000_000;
  assert.match(knock("203.0.113.9"), /^\d+$/);
  const repeated = await audit.tail({ limit: 10, event: "repeated" });
  assert.deepEqual(repeated.map(({ address, fields }) => [address, fields?.["count"]]), [["203.0.113.9", 481]]);
  assert.equal((await audit.verify()).ok, true);
});

Deno.test("somebody known who is denied again and again is counted too, and nobody else's records are", async () => {
  await using site = new Site();
  const audit = await site.open();
  const denied = (credential: string) =>
    audit.record(entry({ decision: "denied", role: "viewer", credential, outcome: "permission_denied" }));
  for (let i = 0; i < 100; i++) denied("token:1");
  assert.match(denied("token:2"), /^\d+$/);
  for (let i = 0; i < 500; i++) audit.record(entry());
  await audit.stop();
  const again = await site.open();
  const records = await again.tail({ limit: 1000 });
  assert.equal(records.filter(({ credential }) => credential === "token:1").length, 61);
  assert.equal(records.filter(({ decision }) => decision === "allowed").length, 500);
  const last = records.at(-1);
  assert.deepEqual([last?.event, last?.credential, last?.fields?.["count"]], ["repeated", "token:1", 40]);
});

Deno.test("hammering from very many addresses stays bounded", async () => {
  await using site = new Site();
  const audit = await site.open();
  for (let i = 0; i < 20_000; i++) {
    const address = i % 2 === 0 ? `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` : `2001:db8:${i.toString(16)}::1`;
    audit.record(entry({ event: "control_auth_failed", principal: null, decision: "denied", address }));
  }
  await audit.stop();
  const { records, ok } = await verifyFolder(site.dir);
  assert.equal(ok, true);
  assert.ok(records <= 130, `${records} records`);
});

Deno.test("while the disk refuses, records wait, bounded, and are written when it takes them", async () => {
  await using site = new Site();
  const audit = await site.open();
  // a folder in the place of the first file: opening it fails as a full disk's does
  const blocker = join(site.dir, "audit-000000000001.jsonl");
  Deno.mkdirSync(blocker);
  for (let i = 0; i < 2100; i++) audit.record(entry({ target: `user-${i}` }));
  assert.deepEqual(site.codes(), ["audit_unwritable"]);
  assert.equal(audit.record(entry()), "lost");
  assert.equal((await audit.tail({ limit: 1 }))[0]?.sequence, 2000);
  Deno.removeSync(blocker);
  await waitFor("the fault to go", () => site.codes().length === 0);
  const [last] = await audit.tail({ limit: 1 });
  assert.equal(last?.event, "audit_lost");
  assert.equal(last?.fields?.["count"], 101);
  assert.equal((await audit.verify()).records, 2001);
});

Deno.test("secrets and endless texts do not get into the file", async () => {
  await using site = new Site();
  const audit = await site.open();
  audit.record(entry({
    target: "x".repeat(100_000),
    fields: { header: "Bearer abcdefghijklmnop", long: "y".repeat(100_000) },
  }));
  const text = Deno.readTextFileSync(site.file(0));
  assert.ok(text.length < 5000);
  assert.ok(!text.includes("abcdefghijklmnop"));
  assert.equal((await audit.verify()).ok, true);
});
