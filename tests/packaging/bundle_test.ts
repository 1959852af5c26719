import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import manifest from "../../deno.json" with { type: "json" };
import { stage } from "../../packaging/stage.ts";
import { loadConfigHere } from "../../src/config/load_here.ts";
import { bakedFlags } from "../../src/supervisor/baked_flags.ts";
import { codePaths } from "../../src/supervisor/code_paths.ts";
import { gatewayPermissions } from "../../src/supervisor/permissions.ts";
import type { GatewayStart } from "../../src/supervisor/role_protocol.ts";
import { workerUrl } from "../../src/worker_url.ts";
import { startGatewayProcess } from "../lib/gateway_process.ts";
import { HubProcess } from "../lib/hub_process.ts";
import { programPath, requires } from "../lib/requires.ts";
import type { Site } from "../lib/site.ts";
import {
  answersControl,
  answersReads,
  type Command,
  emptyFolder,
  servesItsPage,
  startField,
  startPackagedGateway,
  takesAnUplink,
} from "./packaged_gateway.ts";

// what an executable embeds, run by the Deno that it is made for: all that the executable does, but for the embedding
const folder = await Deno.makeTempDir({ prefix: "edgekeep-bundle-" });
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));
const staged = join(folder, "stage");
await stage(staged);
const minorVersion = Deno.version.deno.split(".").slice(0, 2).join(".");
const edgekeep = ["run", ...bakedFlags, join(staged, "src", "main.js")];

Deno.test("the bundle takes an uplink to OPC UA, history and page", async () => {
  await using field = await startField();
  await using gateway = await startPackagedGateway([Deno.execPath(), ...edgekeep], await emptyFolder(folder), field);
  await answersReads(gateway, field);
  await takesAnUplink(gateway, field);
  await servesItsPage(gateway);
  await answersControl(gateway);
  await gateway.endsClean();
});

Deno.test("the bundle runs a hub that a node joins", async () => {
  await using hub = await HubProcess.start("", () => ({}), edgekeep);
  const { code, out, err } = await hub.cli("token", "create", "pumps", "--json");
  assert.equal(code, 0, err);
  await hub.joinNode("pumps", JSON.parse(out).text);
  const { hub: told } = await hub.status(await hub.token("viewer"));
  assert.equal(told.nodes.active, 1);
  assert.equal(await hub.end("SIGTERM"), 0, hub.output());
});

Deno.test({
  name: "the bundle names its version and checks configurations on arm64",
  ...requires("qemu-aarch64", "npm"),
  fn: async () => {
    const [program, ...first] = await arm64Deno();
    const run = async (...args: string[]) => {
      const command = new Deno.Command(program, { args: [...first, ...edgekeep, ...args], cwd: folder });
      const { code, stdout, stderr } = await command.output();
      return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
    };
    const facts = JSON.parse((await run("version", "--json")).text);
    assert.deepEqual([facts.version, facts.target], [manifest.version, "aarch64-unknown-linux-gnu"]);
    assert.ok(facts.deno.startsWith(`${minorVersion}.`), facts.deno);

    await Deno.writeTextFile(join(folder, "wrong.toml"), `[gateway]\ncolour = "red"\n`);
    const refused = await run("validate", "--config", "wrong.toml");
    assert.equal(refused.code, 3, refused.text);
    assert.match(refused.text, /colour/);
  },
});

Deno.test({
  name: "the bundle's gateway takes an uplink to OPC UA and history on arm64",
  ...requires("qemu-aarch64", "npm"),
  fn: async () => {
    const empty = await emptyFolder(folder);
    await using field = await startField();
    await using gateway = await startPackagedGateway(
      async (place) => {
        await makeKeys(place);
        return [...await arm64Deno(), "run", ...bakedFlags, runWorker, await workerFile(place)];
      },
      empty,
      field,
      { deadlineMs: 600_000 },
    );
    await answersReads(gateway, field);
    await takesAnUplink(gateway, field);
    await gateway.endsClean();
  },
});

const runWorker = fileURLToPath(new URL("run_worker.js", import.meta.url));

/** Makes the gateway's keys on this machine's own processor: emulated, that alone takes minutes. */
async function makeKeys(place: Site): Promise<void> {
  const gateway = await startGatewayProcess({ ...place, program: [Deno.execPath(), ...edgekeep] });
  await gateway.end();
}

/** What `run_worker.js` needs to start the staged gateway with a site's configuration, in its sandbox. */
async function workerFile(place: Site): Promise<string> {
  const main = pathToFileURL(join(staged, "src", "main.js"));
  const loaded = await loadConfigHere({ path: join(place.folder, "edgekeep.toml") });
  assert.ok(loaded.ok);
  const { config } = loaded;
  const start: GatewayStart = { role: "gateway", config, logLevel: "info", restarts: 0, lastCrash: null };
  const permissions = gatewayPermissions(config, { codePaths: codePaths(main) });
  const file = join(folder, "worker.json");
  await Deno.writeTextFile(file, JSON.stringify({ entry: workerUrl(main, "./gateway.ts").href, permissions, start }));
  return file;
}

/** The newest arm64 build of the Deno that runs this test, up to the patch; it is kept in `.tools/arm64`. */
async function arm64Deno(): Promise<Command> {
  const place = fileURLToPath(new URL("../../.tools/arm64", import.meta.url));
  const wanted = `@deno/linux-arm64-glibc@${minorVersion}`;
  const { success, stderr } = await new Deno.Command("npm", {
    // made for another processor than this one: --force
    args: ["install", "--prefix", place, "--no-audit", "--no-fund", "--no-package-lock", "--force", wanted],
  }).output();
  if (!success) throw new Error(`Cannot fetch ${wanted}: ${new TextDecoder().decode(stderr)}`);
  const program = join(place, "node_modules", "@deno", "linux-arm64-glibc", "deno");
  await Deno.chmod(program, 0o755);
  return [programPath("qemu-aarch64-static") ?? "qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu", program];
}
