import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import manifest from "../../deno.json" with { type: "json" };
import { startSimulator } from "../../src/sources/simulator/start_simulator.ts";
import { startGatewayProcess } from "../lib/gateway_process.ts";
import { startOpcUaClient, type WireValue } from "../lib/opcua_client_process.ts";
import { chirpstackToken, site } from "../lib/site.ts";
import { waitFor } from "../lib/wait_for.ts";
import { buildExecutable, type BuiltExecutable } from "./built_executable.ts";

const folder = await Deno.makeTempDir({ prefix: "edgekeep-executable-" });
const built = await buildExecutable(folder);
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

/** A test of the executable; skipped by name where none can be made. */
function executableTest(name: string, fn: (built: BuiltExecutable, empty: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: typeof built === "string" && Deno.env.get("EDGEKEEP_REQUIRE_ALL") !== "1",
    fn: async () => {
      if (typeof built === "string") throw new Error(`No executable can be made here: ${built}`);
      const empty = await Deno.makeTempDir({ dir: folder });
      await fn(built, empty);
    },
  });
}

async function run(program: string, args: readonly string[], cwd: string) {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd,
    // nothing of this machine's Deno or Node.js may help it along
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", NO_COLOR: "1" },
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

executableTest("the executable names its version", async ({ program }, empty) => {
  const { code, stdout } = await run(program, ["version"], empty);
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`\\b${manifest.version.replaceAll(".", "\\.")}\\b`));
  assert.deepEqual([...Deno.readDirSync(empty)], []);
});

executableTest("the executable writes a configuration and accepts it", async ({ program }, empty) => {
  assert.equal((await run(program, ["init", "site"], empty)).code, 0);
  const { code, stdout, stderr } = await run(program, ["validate", "--project", "site"], empty);
  assert.equal(code, 0, stdout + stderr);
});

executableTest("the executable refuses a wrong configuration with every finding", async ({ program }, empty) => {
  await Deno.writeTextFile(join(empty, "wrong.toml"), `[gateway]\ncolour = "red"\n[opcua]\nhost_port = 70000\n`);
  const { code, stdout, stderr } = await run(program, ["validate", "--config", "wrong.toml"], empty);
  assert.equal(code, 3, stdout + stderr);
  assert.match(stdout, /colour/);
  assert.match(stdout, /host_port/);
});

executableTest(
  "a gateway in an empty folder takes an uplink to SQLite, OPC UA and the embedded page",
  async ({ opcuaProgram }, empty) => {
    await using stack = new AsyncDisposableStack();
    const simulator = await startSimulator({
      hostname: "127.0.0.1",
      port: 0,
      apiToken: chirpstackToken,
      devices: 5,
      intervalMs: 0,
    });
    stack.defer(() => simulator.stop());
    const place = site({ folder: empty, chirpstackUrl: simulator.url, devices: simulator.devices });
    const gateway = await startGatewayProcess({ ...place, program: [opcuaProgram] });
    stack.defer(async () => {
      await gateway.end();
    });
    const client = stack.use(await startOpcUaClient());
    const id = await client.connect(gateway.opcuaUrl);
    const [probe] = simulator.devices;
    assert.ok(probe);

    const timeUs = (Math.floor(Date.now() / 1000) - 2) * 1_000_000;
    simulator.sendUplink(probe.devEui, { temp_SOIL: "21.37", water_SOIL: "41.20", conduct_SOIL: 88, Bat: 3.6 }, {
      timeUs,
    });
    const nodes = [`ns=2;s=${probe.devEui}/Soil temperature`];
    const value = await waitFor("the value on its OPC UA node", async () => {
      const [read] = await client.call<WireValue[]>("read", { id, nodes });
      return read?.value === 21.37 ? read : null;
    });
    assert.equal(value.sourceUs, timeUs);

    const page = await fetch(gateway.webUrl);
    assert.equal(page.headers.get("content-type")?.split(";")[0], "text/html");
    const script = /src="([^"]*app\.js[^"]*)"/.exec(await page.text())?.[1];
    assert.ok(script !== undefined, "the page names its program");
    const program = await fetch(new URL(script, gateway.webUrl));
    assert.ok(program.ok && (await program.text()).length > 10_000, "the page's program is served");

    assert.equal(await gateway.end(), 0, gateway.output());
    using database = new DatabaseSync(place.databasePath, { readOnly: true });
    assert.deepEqual({ ...database.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
    assert.deepEqual([...Deno.readDirSync(empty)].map(({ name }) => name).sort(), ["data", "edgekeep.toml"]);
  },
);

executableTest("what lies beside the executable fits it", async ({ dist, program }) => {
  const { code, stderr } = await run("sha256sum", ["--check", "--strict", "SHA256SUMS"], dist);
  assert.equal(code, 0, stderr);
  const sums = await Deno.readTextFile(join(dist, "SHA256SUMS"));
  const names = [...Deno.readDirSync(dist)].filter(({ isFile }) => isFile).map(({ name }) => name);
  assert.deepEqual(names.filter((name) => name !== "SHA256SUMS" && !sums.includes(`  ${name}\n`)), []);
  assert.ok(names.some((name) => program.endsWith(name)));
  const bill = JSON.parse(await Deno.readTextFile(join(dist, `edgekeep-${manifest.version}.cdx.json`)));
  assert.equal(bill.metadata.component.version, manifest.version);
});
