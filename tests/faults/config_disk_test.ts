import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigService } from "../../src/supervisor/config_service.ts";
import { loadJudgedConfig } from "../../src/supervisor/judged_config.ts";
import { requires } from "../lib/requires.ts";
import { fillDisk, withSmallDisk } from "../lib/small_disk.ts";

const text = `[gateway]\ndata_dir = "data"\nsite = "one"\n[opcua]\nenabled = false\n# ${
  "a long comment ".repeat(2000)
}\n`;
const by = { principal: "anna", role: "admin", credential: "user:anna", address: "local", transport: "opcua" };

async function open(file: string): Promise<ConfigService> {
  const loaded = await loadJudgedConfig({ path: file });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return await ConfigService.open({
    loaded,
    load: (proposed) => loadJudgedConfig({ path: file, text: proposed }),
    grantsOf: () => [],
    versionsDir: join(loaded.config.gateway.data_dir, "versions"),
    control: {
      isReady: () => true,
      reconfigure: () => Promise.resolve(),
      replace: () => Promise.resolve(),
      audit: () => {},
      setLogLevel: () => {},
      shutdown: () => {},
      giveUp: () => {},
    },
    onSecrets: () => {},
    onLevel: () => {},
    nowUs: () => 0,
  });
}

const change = { set: { "gateway.site": '"two"' }, by, trigger: "control" } as const;

Deno.test({
  name: "On a disk that cannot be written nothing changes, and the answer says why",
  ...requires("root"),
  fn: () =>
    withSmallDisk("size=1m", async ({ dir, remount }) => {
      const file = join(dir, "edgekeep.toml");
      await Deno.writeTextFile(file, text, { mode: 0o600 });
      const service = await open(file);
      await remount("ro");
      const outcome = await service.apply(change);
      assert.deepEqual([outcome.applied, outcome.reason, outcome.version], [false, "io", null]);
      assert.match(outcome.error ?? "", /Cannot write .*edgekeep\.toml: .*read-only/i);
      assert.equal(service.config.gateway.site, "one");
      // what is started there runs all the same, without versions
      const again = await open(file);
      assert.equal((await again.plan(change)).effect, "live");
      await remount("rw");
      assert.ok((await service.apply(change)).applied);
      assert.match(await Deno.readTextFile(file), /site = "two"/);
    }),
});

Deno.test({
  name: "On a full disk nothing changes, and nothing is left beside the file",
  ...requires("root"),
  fn: () =>
    withSmallDisk("size=400k", async ({ dir }) => {
      const file = join(dir, "edgekeep.toml");
      await Deno.writeTextFile(file, text, { mode: 0o600 });
      const service = await open(file);
      const giveBack = await fillDisk(dir);
      const outcome = await service.apply(change);
      assert.deepEqual([outcome.applied, outcome.reason], [false, "io"]);
      assert.equal(await Deno.readTextFile(file), text);
      assert.deepEqual(
        (await Array.fromAsync(Deno.readDir(dir), ({ name }) => name)).toSorted(),
        ["ballast", "data", "edgekeep.toml"],
        "nothing is left beside it",
      );
      await giveBack();
      const fits = await service.apply(change);
      assert.deepEqual([fits.applied, fits.version], [true, 2]);
      assert.match(await Deno.readTextFile(file), /site = "two"/);
    }),
});
