import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../deno.json" with { type: "json" };
import { stage } from "../../packaging/stage.ts";
import { bakedFlags } from "../../src/supervisor/baked_flags.ts";
import { programPath, requires } from "../lib/requires.ts";
import {
  answersReads,
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
  await gateway.endsClean();
});

Deno.test({
  name: "the bundle runs on arm64",
  ...requires("qemu-aarch64", "npm"),
  fn: async () => {
    const arm64: [string, ...string[]] = [
      programPath("qemu-aarch64-static") ?? "qemu-aarch64-static",
      "-L",
      "/usr/aarch64-linux-gnu",
      await arm64Deno(),
      ...edgekeep,
    ];
    const run = async (...args: string[]) => {
      const [program, ...first] = arm64;
      const { code, stdout, stderr } = await new Deno.Command(program, { args: [...first, ...args], cwd: folder })
        .output();
      return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
    };
    const version = await run("version", "--json");
    const facts = JSON.parse(version.text);
    assert.deepEqual([facts.version, facts.target], [manifest.version, "aarch64-unknown-linux-gnu"]);
    assert.ok(facts.deno.startsWith(`${minorVersion}.`), facts.deno);

    await Deno.writeTextFile(join(folder, "wrong.toml"), `[gateway]\ncolour = "red"\n`);
    const refused = await run("validate", "--config", "wrong.toml");
    assert.equal(refused.code, 3, refused.text);
    assert.match(refused.text, /colour/);

    await using field = await startField();
    await using gateway = await startPackagedGateway(arm64, await emptyFolder(folder), field, 300_000);
    await answersReads(gateway, field);
    await takesAnUplink(gateway, field);
  },
});

/** The newest arm64 build of the Deno that runs this test, up to the patch; it is kept in `.tools/arm64`. */
async function arm64Deno(): Promise<string> {
  const place = fileURLToPath(new URL("../../.tools/arm64", import.meta.url));
  const wanted = `@deno/linux-arm64-glibc@${minorVersion}`;
  const { success, stderr } = await new Deno.Command("npm", {
    // made for another processor than this one: --force
    args: ["install", "--prefix", place, "--no-audit", "--no-fund", "--no-package-lock", "--force", wanted],
  }).output();
  if (!success) throw new Error(`Cannot fetch ${wanted}: ${new TextDecoder().decode(stderr)}`);
  const program = join(place, "node_modules", "@deno", "linux-arm64-glibc", "deno");
  await Deno.chmod(program, 0o755);
  return program;
}
