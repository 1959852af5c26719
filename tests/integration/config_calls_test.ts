import assert from "node:assert/strict";
import { join } from "node:path";
import { freePort } from "../../src/cli/free_port.ts";
import type { AuditEntry } from "../../src/audit/audit.ts";
import type { Config } from "../../src/config/schema.ts";
import { codePaths } from "../../src/supervisor/code_paths.ts";
import { configuredRole } from "../../src/supervisor/configured_role.ts";
import { loadJudgedConfig } from "../../src/supervisor/judged_config.ts";
import type { Asker, HostCallName, HostCalls } from "../../src/supervisor/role_protocol.ts";
import { supervise, type SuperviseOptions } from "../../src/supervisor/supervisor.ts";
import { configureLog } from "../../src/telemetry/log.ts";
import { readCertificate } from "../../src/tls/read_certificate.ts";
import { waitFor } from "../lib/wait_for.ts";

const by: Asker = { principal: "anna", role: "admin", credential: "user:anna", address: "local", transport: "unix" };

type Answer<K extends HostCallName> =
  | { readonly ok: true; readonly value: HostCalls[K]["answer"] }
  | { readonly ok: false; readonly code: string; readonly message: string };

interface World {
  readonly folder: string;
  readonly file: string;
  readonly port: number;
  readonly code: Promise<number>;
  readonly stop: AbortController;
  readonly reload: () => void;
  events(name: string): Record<string, unknown>[];
  ask<K extends HostCallName>(name: K, request: HostCalls[K]["request"]): Promise<Answer<K>>;
  state(): Promise<{ config: Config; audited: AuditEntry[]; restarts: number }>;
}

/** A real supervisor around a role that asks it for what the test says. */
async function withSupervisor(
  test: (world: World) => Promise<void>,
  { extra = "", options = {} }: { extra?: string; options?: Partial<SuperviseOptions> } = {},
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-calls-" });
  const port = freePort("127.0.0.1", 0);
  const file = join(folder, "edgekeep.toml");
  await Deno.writeTextFile(
    file,
    `[gateway]\ndata_dir = "data"\nname = "one" # the name\n[opcua]\nenabled = false\nuser_name = "scada"\n` +
      `user_password = "hunter2-hunter2"\n[logging]\nlevel = "info"\n[runtime.web]\nlisten = "127.0.0.1:${port}"\n${extra}`,
    { mode: 0o600 },
  );
  const lines: Record<string, unknown>[] = [];
  const settings = { level: "info", format: "json", max_file_bytes: 65_536, max_files: 1 } as const;
  const log = await configureLog(settings, [], (line) => lines.push(JSON.parse(line)));
  const loaded = await loadJudgedConfig({ path: file });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  log.addSecrets(loaded.secrets);
  const { spec, host } = configuredRole({
    entry: new URL("./workers/config_role.ts", import.meta.url),
    code: { codePaths: codePaths(new URL("../../src/main.ts", import.meta.url)) },
    loaded,
    load: (text) => loadJudgedConfig({ path: file, text }),
    log,
    graceMs: 50,
  });
  const stop = new AbortController();
  let listener = () => {};
  const code = supervise([spec], {
    signal: stop.signal,
    log,
    host,
    onReload: (wanted) => {
      listener = wanted;
      return () => {};
    },
    backoff: { firstMs: 10, maxMs: 50 },
    ...options,
  });
  const post = async (body: unknown) => {
    const response = await fetch(`http://127.0.0.1:${port}`, { method: "POST", body: JSON.stringify(body) });
    return await response.json();
  };
  const events = (name: string) => lines.filter((line) => line.event === name);
  try {
    await waitFor("the role", () => events("worker_ready").length === 1);
    await test({
      folder,
      file,
      port,
      code,
      stop,
      reload: () => listener(),
      events,
      ask: (name, request) => post({ name, request }),
      state: () => post({ name: "state" }),
    });
    assert.ok(!JSON.stringify(lines).includes("hunter2"), "no secret in the log");
  } finally {
    stop.abort();
    await code;
    await log.dispose();
    await Deno.remove(folder, { recursive: true });
  }
}

function value<K extends HostCallName>(answer: Answer<K>): HostCalls[K]["answer"] {
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer.value;
}

const set = (key: string, to: string) => ({ set: { [key]: to }, by, trigger: "control" as const });

Deno.test("A worker has a change applied, and hears what became of it", async () => {
  await withSupervisor(async ({ ask, state, file }) => {
    const plan = value(await ask("config.plan", { set: { "gateway.site": '"north"' } }));
    assert.deepEqual(plan.changes.map(({ path, effect }) => [path, effect]), [["gateway.site", "live"]]);
    assert.ok(!(await Deno.readTextFile(file)).includes("north"), "a plan changes nothing");
    const outcome = value(await ask("config.apply", set("gateway.site", '"north"')));
    assert.ok(outcome.applied, JSON.stringify(outcome));
    const { config, audited } = await state();
    assert.equal(config.gateway.site, "north");
    assert.deepEqual(audited.map(({ event }) => event), ["config_reload_attempted", "config_reload_succeeded"]);
    assert.equal(audited[1]?.principal, "anna");
    const shown = value(await ask("config.get", {}));
    assert.match(shown.text, /site = "north"/);
    assert.ok(!JSON.stringify(shown).includes("hunter2"));
    assert.deepEqual(value(await ask("config.versions", {})).versions.map(({ version }) => version), [1, 2]);
  });
});

Deno.test("A change that the worker refuses is rolled back", async () => {
  await withSupervisor(async ({ ask, state, file }) => {
    const before = await Deno.readTextFile(file);
    const outcome = value(await ask("config.apply", set("gateway.site", '"refuse"')));
    assert.deepEqual([outcome.applied, outcome.reason, outcome.error], [
      false,
      "rolled_back",
      "This site is not taken over",
    ]);
    assert.equal(await Deno.readTextFile(file), before);
    assert.equal((await state()).config.gateway.site, "");
  });
});

Deno.test("A change that needs another worker gets one, and the caller hears of it first", async () => {
  await withSupervisor(async ({ ask, state, events }) => {
    const outcome = value(await ask("config.apply", set("gateway.name", '"two"')));
    assert.deepEqual([outcome.applied, outcome.effect], [true, "worker"]);
    await waitFor("the change", () => events("config_reload_succeeded").length === 1);
    // records and requests reach a worker on ways of their own
    const { config, restarts, audited } = await waitFor("a record in the new one", async () => {
      const found = await state();
      return found.audited.length > 0 && found;
    });
    assert.deepEqual([config.gateway.name, restarts], ["two", 0]);
    assert.deepEqual(
      audited.map(({ event }) => event),
      ["config_reload_succeeded"],
      "the audit goes on in the new one",
    );
    assert.equal(events("worker_crashed").length, 0);
  });
});

for (const [name, replaceMs] of [["broken", 60_000], ["silent", 8000]] as const) {
  Deno.test(`A worker that does not get ready with a change is replaced by one without it: ${name}`, async () => {
    await withSupervisor(async ({ ask, state, events, file }) => {
      const before = await Deno.readTextFile(file);
      await ask("config.apply", set("gateway.name", `"${name}"`));
      await waitFor("the end", () => events("config_reload_failed").length === 1);
      assert.equal(events("config_reload_failed")[0]?.reason, "rolled_back");
      assert.equal((await state()).config.gateway.name, "one");
      assert.equal(await Deno.readTextFile(file), before);
      assert.deepEqual(value(await ask("config.versions", {})).versions.map(({ version }) => version), [1]);
    }, { options: { replaceMs } });
  });
}

Deno.test("Reload takes what was written by hand, or refuses it and goes on", async () => {
  await withSupervisor(async ({ file, reload, events, state }) => {
    const text = await Deno.readTextFile(file);
    await Deno.writeTextFile(file, text.replace('"one"', '"two"'));
    reload();
    await waitFor("the change", () => events("config_reload_succeeded").length === 1);
    assert.equal((await state()).config.gateway.name, "two");
    await Deno.writeTextFile(file, text.replace('"one"', '"three"\ntypo = 1'));
    reload();
    const [failed] = await waitFor(
      "the refusal",
      () => events("config_reload_failed").length === 1 && events("config_reload_failed"),
    );
    assert.deepEqual([failed?.reason, failed?.changed_knob, failed?.trigger], ["validation", "gateway.typo", "sighup"]);
    assert.equal((await state()).config.gateway.name, "two");
  });
});

Deno.test("The level of the log changes at once, here and in the worker, and stays over a restart", async () => {
  await withSupervisor(async ({ ask, events, state }) => {
    await state();
    assert.equal(events("asked").length, 0);
    assert.deepEqual(value(await ask("log.level", { level: "debug" })), { level: "debug" });
    await state();
    await waitFor("a debug line of the worker", () => events("asked").length > 0);
    value(await ask("restart", { by }));
    await waitFor("the new worker", () => events("worker_ready").length === 2);
    const before = events("asked").length;
    await state();
    await waitFor("a debug line of the new worker", () => events("asked").length > before);
    assert.deepEqual(value(await ask("log.level", { level: null })), { level: "info" });
  });
});

Deno.test("Shutdown ends the process in order", async () => {
  await withSupervisor(async ({ ask, code }) => {
    value(await ask("shutdown", { by }));
    assert.equal(await code, 0);
  });
});

Deno.test("A self-managed certificate is made anew, and its key is private", async () => {
  const extra = `[runtime.tls]\nmode = "self-managed"\ncert_path = "tls/cert.pem"\nkey_path = "tls/key.pem"\n`;
  await withSupervisor(async ({ ask, folder, file, reload, events }) => {
    const refused = await ask("pki.renew", { by });
    assert.ok(!refused.ok && refused.code === "not_configured", JSON.stringify(refused));
    await Deno.mkdir(join(folder, "tls"));
    const { makeServerCertificate } = await import("../../src/tls/make_certificate.ts");
    const first = await makeServerCertificate({ names: ["gateway.plant.example"] });
    await Deno.writeTextFile(join(folder, "tls", "cert.pem"), first.cert);
    await Deno.writeTextFile(join(folder, "tls", "key.pem"), first.key, { mode: 0o600 });
    await Deno.writeTextFile(file, (await Deno.readTextFile(file)) + extra);
    reload();
    await waitFor("the change", () => events("config_reload_succeeded").length === 1);
    const renewed = value(await ask("pki.renew", { by }));
    const facts = readCertificate(await Deno.readTextFile(join(folder, "tls", "cert.pem")));
    assert.equal(facts.fingerprint, renewed.fingerprint);
    assert.ok(facts.names.includes("gateway.plant.example"), facts.names.join());
    assert.equal(((await Deno.stat(join(folder, "tls", "key.pem"))).mode ?? 0) & 0o777, 0o600);
    assert.equal(await Deno.readTextFile(join(folder, "tls", "cert.pem.old")), first.cert);
    assert.equal(((await Deno.stat(join(folder, "tls", "key.pem.old"))).mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("A call that does not exist is refused", async () => {
  await withSupervisor(async ({ ask }) => {
    const answer = await ask("__proto__" as HostCallName, {} as never);
    assert.deepEqual([answer.ok, !answer.ok && answer.code], [false, "not_found"]);
  });
});
