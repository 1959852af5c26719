import assert from "node:assert/strict";
import { join } from "node:path";
import { waitFor } from "../../tests/lib/wait_for.ts";
import type { AuditEntry } from "../audit/audit.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { ConfigService } from "./config_service.ts";
import { ReplaceError } from "./host_service.ts";
import { gatewayGrants } from "./permissions.ts";
import type { Asker, ConfigProposal, HostRefusal, Reconfigure } from "./role_protocol.ts";

const base = `# The plant
[gateway]
data_dir = "data"
site = "north" # where it stands

[opcua]
user_name = "scada"
user_password = "opcua-secret"

[runtime.control]
auth_token = "control-secret-of-32-characters!"
`;

const admin: Asker = {
  principal: "anna",
  role: "admin",
  credential: "user:anna",
  address: "10.0.0.5",
  transport: "opcua",
};
const onWeb: Asker = { ...admin, transport: "https" };

/** A service on a file of its own, whose worker does what `worker` says. */
async function withService(
  test: (world: World) => Promise<void>,
  text = base,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-config-" });
  const file = join(folder, "edgekeep.toml");
  await Deno.writeTextFile(file, text, { mode: 0o600 });
  const load = (proposed: string) =>
    loadConfig({
      path: file,
      env: {},
      cwd: folder,
      readFile: (path) => path === file ? Promise.resolve(proposed) : Deno.readTextFile(path),
    });
  const world: World = {
    folder,
    file,
    worker: { ready: true, reconfigure: () => Promise.resolve(), replace: () => Promise.resolve() },
    changes: [],
    replaced: [],
    entries: [],
    secrets: [],
    levels: [],
    gaveUp: [],
    open: async () => {
      const loaded = await load(await Deno.readTextFile(file));
      assert.ok(loaded.ok, JSON.stringify(loaded));
      const service: ConfigService = await ConfigService.open({
        loaded,
        load,
        grantsOf: (config) => gatewayGrants(config, { codePaths: ["/code"] }),
        versionsDir: join(folder, "data", "versions"),
        control: {
          isReady: () => world.worker.ready,
          async reconfigure(change) {
            await world.worker.reconfigure(change);
            world.changes.push(change);
          },
          async replace() {
            service.takeGrants();
            world.replaced.push(service.config);
            await world.worker.replace(service.config);
          },
          audit: (entry) => world.entries.push(entry),
          setLogLevel: () => {},
          shutdown: () => {},
          giveUp: (message) => world.gaveUp.push(message),
        },
        onSecrets: (secrets) => world.secrets.push(...secrets),
        onLevel: (level) => world.levels.push(level),
        nowUs: () => 1_000_000,
        graceMs: 1,
      });
      return service;
    },
    read: () => Deno.readTextFile(file),
  };
  try {
    await test(world);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface World {
  readonly folder: string;
  readonly file: string;
  readonly worker: {
    ready: boolean;
    reconfigure: (change: Reconfigure) => Promise<void>;
    replace: (config: Config) => Promise<void>;
  };
  readonly changes: Reconfigure[];
  readonly replaced: Config[];
  readonly entries: AuditEntry[];
  readonly secrets: string[];
  readonly levels: string[];
  readonly gaveUp: string[];
  open(): Promise<ConfigService>;
  read(): Promise<string>;
}

const site = (name: string) => ({ set: { "gateway.site": `"${name}"` }, by: admin, trigger: "control" as const });

Deno.test("A live change goes to the file, to the worker, into the versions and on record", async () => {
  await withService(async ({ open, read, changes, entries, replaced }) => {
    const service = await open();
    const outcome = await service.apply(site("south"));
    assert.deepEqual({ ...outcome, findings: [], durationMs: 0 }, {
      ok: true,
      findings: [],
      changes: [{ path: "gateway.site", before: '"north"', after: '"south"', effect: "live" }],
      effect: "live",
      applied: true,
      reason: null,
      error: null,
      version: 2,
      durationMs: 0,
    });
    assert.equal(await read(), base.replace('"north"', '"south"'));
    assert.equal(changes[0]?.config.gateway.site, "south");
    assert.deepEqual(changes[0]?.restart, []);
    assert.equal(replaced.length, 0);
    assert.deepEqual(entries.map(({ event }) => event), ["config_reload_attempted", "config_reload_succeeded"]);
    assert.equal(entries[1]?.fields?.["changed_section_count"], 1);
    assert.deepEqual(
      service.versions().versions.map(({ version, by, trigger, current }) => [version, by, trigger, current]),
      [[1, "start", "start", false], [2, "anna (10.0.0.5)", "control", true]],
    );
  });
});

Deno.test("A part restarts alone, and a level is told to the log", async () => {
  await withService(async ({ open, changes, levels }) => {
    const service = await open();
    const set = { "runtime.web.auth_realm": '"plant"', "logging.level": '"debug"' };
    const outcome = await service.apply({ set, by: admin, trigger: "web" });
    assert.equal(outcome.effect, "web");
    assert.deepEqual(changes.map(({ restart }) => restart), [["web"]]);
    assert.deepEqual(levels, ["debug"]);
  });
});

Deno.test("A caller on the part that restarts hears the outcome first", async () => {
  await withService(async ({ open, changes, worker, entries }) => {
    const service = await open();
    const held = Promise.withResolvers<void>();
    worker.reconfigure = () => held.promise;
    const outcome = await service.apply({ set: { "runtime.web.auth_realm": '"plant"' }, by: onWeb, trigger: "web" });
    assert.ok(outcome.applied);
    assert.equal(changes.length, 0);
    // the next one waits for the end of the first
    const next = service.apply(site("south"));
    held.resolve();
    await next;
    assert.deepEqual(changes.map(({ restart }) => restart), [["web"], []]);
    assert.deepEqual(
      entries.map(({ event }) => event.replace("config_reload_", "")),
      ["attempted", "succeeded", "attempted", "succeeded"],
    );
  });
});

Deno.test("What needs permissions that the worker lacks replaces it", async () => {
  await withService(async ({ open, replaced, changes }) => {
    const service = await open();
    const moved = await service.apply({
      set: { "runtime.web.listen": '"127.0.0.1:9999"' },
      by: admin,
      trigger: "control",
    });
    assert.equal(moved.effect, "worker");
    await waitFor("the new worker", () => replaced.length === 1);
    assert.equal(replaced[0]?.runtime.web.listen, "127.0.0.1:9999");
    const plan = await service.plan({ set: { "runtime.web.listen": '"127.0.0.1:9998"' } });
    assert.deepEqual(plan.changes.map(({ effect }) => effect), ["worker"]);
    assert.equal(changes.length, 0);
  });
});

Deno.test("What only a new process takes is written and waits", async () => {
  await withService(async ({ open, read, changes, replaced }) => {
    const service = await open();
    const set = { "gateway.data_dir": '"elsewhere"', "logging.format": '"json"' };
    const outcome = await service.apply({ set, by: admin, trigger: "control" });
    assert.equal(outcome.effect, "process");
    assert.deepEqual(outcome.changes.map(({ path }) => path), ["gateway.data_dir", "logging.format"]);
    assert.match(await read(), /data_dir = "elsewhere"/);
    assert.match(service.config.gateway.data_dir, /data$/);
    assert.match(service.config.storage.database_path, /data\/history\.db$/);
    assert.deepEqual([changes.length, replaced.length], [0, 0]);
    // it still waits
    assert.equal((await service.plan({ set: {} })).effect, "process");
  });
});

Deno.test("A worker that refuses a change leaves everything as it was", async () => {
  await withService(async ({ open, read, worker, entries }) => {
    const service = await open();
    worker.reconfigure = () => Promise.reject(new Error("The port is taken"));
    const outcome = await service.apply(site("south"));
    assert.equal(outcome.applied, false);
    assert.equal(outcome.reason, "rolled_back");
    assert.equal(outcome.error, "The port is taken");
    assert.equal(outcome.version, null);
    assert.equal(await read(), base);
    assert.equal(service.config.gateway.site, "north");
    assert.deepEqual(service.versions().versions.map(({ version }) => version), [1]);
    const failed = entries.at(-1);
    assert.equal(failed?.event, "config_reload_failed");
    assert.equal(failed?.fields?.["changed_knob"], "gateway.site");
    worker.reconfigure = () => Promise.resolve();
    assert.ok((await service.apply(site("south"))).applied);
  });
});

Deno.test("A worker that does not start with a change is started again without it", async () => {
  await withService(async ({ open, read, worker, replaced, entries }) => {
    const service = await open();
    worker.replace = ({ gateway }) =>
      gateway.name === "bad" ? Promise.reject(new ReplaceError("It broke", "failed")) : Promise.resolve();
    const outcome = await service.apply({ set: { "gateway.name": '"bad"' }, by: admin, trigger: "control" });
    assert.equal(outcome.effect, "worker");
    await waitFor("the end", () => entries.at(-1)?.event === "config_reload_failed");
    assert.deepEqual(replaced.map(({ gateway }) => gateway.name), ["bad", "edgekeep"]);
    assert.equal(await read(), base);
    assert.equal(entries.at(-1)?.fields?.["reason"], "rolled_back");
    assert.deepEqual(service.versions().versions.map(({ version }) => version), [1]);
  });
});

Deno.test("A worker that blocks its thread takes the process with it, after the file is back", async () => {
  await withService(async ({ open, read, worker, gaveUp }) => {
    const service = await open();
    worker.replace = () => Promise.reject(new ReplaceError("It was not ready in time", "blocked"));
    await service.apply({ set: { "gateway.name": '"bad"' }, by: admin, trigger: "control" });
    await waitFor("the end", () => gaveUp.length === 1);
    assert.equal(await read(), base);
  });
});

Deno.test("A reload that fails leaves the file to whoever wrote it", async () => {
  await withService(async ({ open, file, read, worker }) => {
    const service = await open();
    worker.reconfigure = () => Promise.reject(new Error("no"));
    const edited = base.replace("north", "east");
    await Deno.writeTextFile(file, edited);
    const outcome = await service.reload({ by: admin, trigger: "sighup" });
    assert.equal(outcome.reason, "rolled_back");
    assert.equal(await read(), edited);
    assert.equal(service.config.gateway.site, "north");
  });
});

Deno.test("A worker that is down is replaced, whatever changes", async () => {
  await withService(async ({ open, worker, replaced }) => {
    const service = await open();
    worker.ready = false;
    await service.apply(site("south"));
    await waitFor("the new worker", () => replaced.length === 1);
    await service.stop(new AbortController().signal);
    assert.equal(service.config.gateway.site, "south");
  });
});

Deno.test("A refused text changes nothing and says everything", async () => {
  await withService(async ({ open, read, entries, changes }) => {
    const service = await open();
    const text = base.replace("[opcua]", "[opcua]\nhost_port = 0\ntypo = 1");
    const outcome = await service.apply({ text, by: admin, trigger: "web" });
    assert.equal(outcome.reason, "validation");
    assert.deepEqual(
      outcome.findings.filter(({ severity }) => severity === "error").map(({ path, line }) => [path, line]),
      [["opcua.host_port", 7], [
        "opcua.typo",
        8,
      ]],
    );
    assert.equal(await read(), base);
    assert.equal(changes.length, 0);
    assert.equal(entries.at(-1)?.fields?.["changed_knob"], "opcua.host_port");
    const sets: Record<string, string>[] = [{ "opcua..x": "1" }, { "opcua.host_port": "x" }, {
      "opcua.host_port": '"***kept:0000000000000000***"',
    }];
    for (const set of sets) {
      const refused = await service.apply({ set, by: admin, trigger: "web" });
      assert.equal(refused.reason, "validation");
      assert.equal(refused.findings[0]?.rule, "config_edit");
    }
    assert.ok(!JSON.stringify(entries).includes("-secret"));
  });
});

Deno.test("The configuration is shown without secrets, and sent back unchanged it changes nothing", async () => {
  await withService(async ({ open, read, changes }) => {
    const service = await open();
    const shown = await service.get();
    assert.ok(!JSON.stringify(shown).includes("-secret"));
    assert.match(shown.text, /site = "north" # where it stands/);
    const values = new Map(shown.values.map(({ path, value, origin }) => [path, [value, origin]]));
    assert.deepEqual(values.get("opcua.user_password"), ['"***"', "file"]);
    assert.deepEqual(values.get("opcua.host_port"), ["4840", "default"]);
    const outcome = await service.apply({ text: shown.text, etag: shown.etag, by: admin, trigger: "web" });
    assert.deepEqual([outcome.applied, outcome.changes, outcome.effect, outcome.version], [true, [], null, 1]);
    assert.equal(await read(), base);
    assert.equal(changes.length, 0);

    const edited = shown.text.replace('"north"', '"south"');
    assert.ok((await service.apply({ text: edited, etag: shown.etag, by: admin, trigger: "web" })).applied);
    assert.equal(await read(), base.replace('"north"', '"south"'));
    const stale = await service.apply({ text: shown.text, etag: shown.etag, by: admin, trigger: "web" });
    assert.equal(stale.reason, "conflict");
  });
});

Deno.test("A plan does not tell whether a secret that somebody tries out is the present one", async () => {
  await withService(async ({ open, folder }) => {
    const service = await open();
    const file = join(folder, "guess");
    const shown = await service.get();
    const right = "opcua-secret";
    const plans = (guess: string): ConfigProposal[] => {
      const written = JSON.stringify(guess);
      return [
        { set: { "opcua.user_password": written } },
        { set: { 'opcua."user_password"': written, "gateway.site": '"south"' } },
        { set: { "opcua.user_password_file": JSON.stringify(file), "opcua.user_password": null } },
        { text: shown.text.replace(/user_password = .*/, `user_password = ${written}`) },
        { text: shown.text.replace(/user_password = .*/, `"user_p\\u0061ssword" = ${written}`) },
      ];
    };
    const wrong = plans("wrong-guess");
    for (const [index, proposal] of plans(right).entries()) {
      await Deno.writeTextFile(file, right);
      const hit = await service.plan(proposal);
      await Deno.writeTextFile(file, "wrong-guess");
      const miss = await service.plan(wrong[index] ?? proposal);
      assert.ok(hit.ok && hit.changes.some(({ path }) => path === "opcua.user_password"), `proposal ${index}`);
      assert.deepEqual(hit, miss, `proposal ${index}`);
    }
    const unchanged = await service.plan({ text: shown.text });
    assert.deepEqual([unchanged.ok, unchanged.changes], [true, []]);
    const known = await service.plan({ set: { "opcua.user_password": `"${right}"` }, comparesSecrets: true });
    assert.deepEqual([known.ok, known.changes], [true, []]);
  });
});

Deno.test("What was written into the file by hand is not overwritten unseen", async () => {
  await withService(async ({ open, file, read }) => {
    const service = await open();
    const edited = base.replace("where it stands", "by hand");
    await Deno.writeTextFile(file, edited);
    assert.equal((await service.apply(site("south"))).reason, "conflict");
    assert.equal((await service.restore({ version: 1, by: admin })).reason, "conflict");
    assert.equal(await read(), edited);
    const { etag } = await service.get();
    assert.ok((await service.apply({ ...site("south"), etag })).applied);
    assert.equal(await read(), edited.replace("north", "south"));
  });
});

Deno.test("An earlier version is applied again, also after a restart", async () => {
  await withService(async ({ open, read }) => {
    await (await open()).apply(site("south"));
    const service = await open();
    assert.deepEqual(service.versions().versions.map(({ version }) => version), [1, 2]);
    const outcome = await service.restore({ version: 1, by: admin });
    assert.deepEqual([outcome.applied, outcome.version], [true, 3]);
    assert.equal(await read(), base);
    assert.equal(service.versions().versions.at(-1)?.trigger, "restore");
    await assert.rejects(
      service.restore({ version: 9, by: admin }),
      (error) => (error as HostRefusal).code === "not_found",
    );
  });
});

Deno.test("A file that was changed while the gateway was down is a version, with its difference", async () => {
  await withService(async ({ open, file }) => {
    await open();
    await Deno.writeTextFile(file, base.replace("north", "west"));
    const { versions } = (await open()).versions();
    assert.deepEqual(versions.map(({ version, trigger }) => [version, trigger]), [[1, "start"], [2, "start"]]);
    assert.deepEqual(versions[1]?.changes.map(({ path, after }) => [path, after]), [["gateway.site", '"west"']]);
  });
});

Deno.test("A file that is gone, or a place that cannot be written, is said and changes nothing", async () => {
  await withService(async ({ open, file, folder, changes }) => {
    const service = await open();
    await Deno.remove(file);
    assert.equal((await service.apply(site("south"))).reason, "io");
    assert.equal((await service.reload({ by: admin, trigger: "sighup" })).reason, "io");
    await assert.rejects(service.get(), (error) => (error as HostRefusal).code === "io");
    await Deno.mkdir(join(folder, "edgekeep.toml"));
    assert.equal((await service.apply(site("south"))).reason, "io");
    assert.equal(changes.length, 0);
  });
});

Deno.test("A new secret is known to the log before it can get there", async () => {
  await withService(async ({ open, secrets }) => {
    const service = await open();
    await service.apply({ set: { "opcua.user_password": '"brand-new-secret"' }, by: admin, trigger: "cli" });
    assert.ok(secrets.includes("brand-new-secret"));
    const { versions } = service.versions();
    assert.ok(!JSON.stringify(versions).includes("brand-new-secret"));
  });
});
