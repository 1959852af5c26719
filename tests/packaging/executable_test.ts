import assert from "node:assert/strict";
import { join } from "node:path";
import manifest from "../../deno.json" with { type: "json" };
import { Quality } from "../../src/tags/quality.ts";
import { buildExecutable, type BuiltExecutable } from "./built_executable.ts";
import {
  answersControl,
  answersReads,
  emptyFolder,
  servesItsPage,
  startField,
  startPackagedGateway,
  takesAnUplink,
} from "./packaged_gateway.ts";

const folder = await Deno.makeTempDir({ prefix: "edgekeep-executable-" });
const built = await buildExecutable(folder);
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

/** A test of the executable; skipped by name where none can be made. */
function executableTest(name: string, fn: (built: BuiltExecutable, empty: string) => Promise<void>): void {
  Deno.test({
    name: typeof built === "string" ? `${name} (skipped: ${built})` : name,
    ignore: typeof built === "string" && Deno.env.get("EDGEKEEP_REQUIRE_ALL") !== "1",
    fn: async () => {
      if (typeof built === "string") throw new Error(`No executable can be made here: ${built}`);
      await fn(built, await emptyFolder(folder));
    },
  });
}

async function run(program: string, args: readonly string[], cwd: string) {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd,
    // nothing of this machine's Deno or Node.js may help it along
    clearEnv: true,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", NO_COLOR: "1" },
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

executableTest("the executable names its version", async ({ program, runtimeVersion }, empty) => {
  const { code, stdout } = await run(program, ["version", "--json"], empty);
  assert.equal(code, 0);
  const facts = JSON.parse(stdout);
  assert.deepEqual([facts.name, facts.version, facts.deno], ["edgekeep", manifest.version, runtimeVersion]);
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

executableTest("the executable answers OPC UA, serves its page and keeps its database in an empty folder", async (
  { opcuaProgram, runtimeVersion },
  empty,
) => {
  await using field = await startField();
  const controlOnTcp = runtimeVersion.startsWith("2.4.");
  await using gateway = await startPackagedGateway([opcuaProgram], empty, field, { controlOnTcp });
  const value = await answersReads(gateway, field);
  // Deno 2.4 cannot speak gRPC
  if (runtimeVersion.startsWith("2.4.")) assert.equal(value.status, Quality.BadWaitingForInitialData);
  else await takesAnUplink(gateway, field);
  await servesItsPage(gateway);
  await answersControl(gateway);
  await gateway.endsClean();
});

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

executableTest("the installer lays the executable out as a service, twice, and takes it away again", async (
  { dist, program },
  empty,
) => {
  const root = join(empty, "root");
  const install = (...args: string[]) => run("bash", [join(dist, "install.sh"), "--root", root, ...args], empty);
  const mode = async (path: string) => ((await Deno.stat(join(root, path))).mode ?? 0) & 0o7777;
  const read = (path: string) => Deno.readTextFile(join(root, path));

  const first = await install();
  assert.equal(first.code, 0, first.stdout + first.stderr);
  assert.match(first.stdout, /Checksum: as in SHA256SUMS/);
  assert.deepEqual(await Deno.readFile(join(root, "usr/local/bin/edgekeep")), await Deno.readFile(program));
  assert.deepEqual(
    [await mode("usr/local/bin/edgekeep"), await mode("etc/edgekeep"), await mode("var/lib/edgekeep")],
    [0o755, 0o750, 0o700],
  );
  assert.equal(await mode("etc/edgekeep/opcua-password"), 0o600);
  assert.match(await read("etc/edgekeep/edgekeep.toml"), /^data_dir = "\/var\/lib\/edgekeep"$/m);
  assert.match(await read("etc/edgekeep/edgekeep.toml"), /^endpoint = "unix:\/\/\/run\/edgekeep\/control\.sock"$/m);
  const unit = await read("etc/systemd/system/edgekeep.service");
  assert.match(unit, /^ExecStart=\/usr\/local\/bin\/edgekeep run --config \/etc\/edgekeep\/edgekeep\.toml$/m);
  const check = ["validate", "--config", join(root, "etc/edgekeep/edgekeep.toml")];
  assert.equal((await run(join(root, "usr/local/bin/edgekeep"), check, empty)).code, 0);

  await Deno.writeTextFile(join(root, "etc/edgekeep/edgekeep.toml"), "# mine\n");
  await Deno.writeTextFile(join(root, "var/lib/edgekeep/history.db"), "mine");
  await Deno.writeTextFile(join(root, "etc/systemd/system/edgekeep.service"), "old");
  const second = await install("--user", "scada");
  assert.equal(second.code, 0, second.stdout + second.stderr);
  assert.equal(await read("etc/edgekeep/edgekeep.toml"), "# mine\n");
  assert.equal(
    await read("etc/systemd/system/edgekeep.service"),
    unit.replaceAll("=edgekeep\nGroup=edgekeep", "=scada\nGroup=scada"),
  );

  assert.equal((await install("--uninstall")).code, 0);
  await assert.rejects(Deno.stat(join(root, "usr/local/bin/edgekeep")), Deno.errors.NotFound);
  await assert.rejects(Deno.stat(join(root, "etc/systemd/system/edgekeep.service")), Deno.errors.NotFound);
  assert.equal(await read("etc/edgekeep/edgekeep.toml"), "# mine\n");
  assert.equal(await read("var/lib/edgekeep/history.db"), "mine");
});
