import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../deno.json" with { type: "json" };
import { billOfMaterials } from "./bill_of_materials.ts";
import { architectures, compile, namedRuntime, RuntimeUnavailableError } from "./compile.ts";
import { shippedPackages } from "./packages.ts";
import { stage } from "./stage.ts";

/**
 * `make dist`: compiles `edgekeep-<version>-<architecture>` for each architecture whose runtime is at hand, with
 * checksums, licences, bill of materials and installer. The folder is `dist` or the first argument.
 */
const root = fileURLToPath(new URL("../", import.meta.url));
const dist = resolve(Deno.args[0] ?? join(root, "dist"));
const { name, version, license } = manifest;

/** When the sources were last changed, so that the same sources give the same files; ISO 8601. */
async function sourceTime(): Promise<string> {
  const git = new Deno.Command("git", { args: ["log", "-1", "--format=%ct"], cwd: root, stderr: "null" });
  const epoch = Deno.env.get("SOURCE_DATE_EPOCH") ?? new TextDecoder().decode((await git.output()).stdout);
  const seconds = Number.parseInt(epoch, 10);
  return new Date(Number.isNaN(seconds) ? Date.now() : seconds * 1000).toISOString();
}

async function versionOf(deno: string): Promise<string> {
  const { stdout } = await new Deno.Command(deno, { args: ["--version"] }).output();
  const found = /^deno (\S+)/.exec(new TextDecoder().decode(stdout))?.[1];
  if (found === undefined) throw new Error(`Cannot read the version of ${deno}`);
  return found;
}

async function checksumLine(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return `${new Uint8Array(digest).toHex()}  ${basename(path)}\n`;
}

const staged = join(dist, "stage");
await stage(staged);

const made: string[] = [];
for (const architecture of architectures) {
  const output = join(dist, `${name}-${version}-${architecture}`);
  try {
    await compile(staged, output, architecture, namedRuntime(architecture));
    made.push(output);
    console.log(`made    ${basename(output)}`);
  } catch (error) {
    if (!(error instanceof RuntimeUnavailableError)) throw error;
    console.log(`skipped ${basename(output)}: ${error.message}`);
  }
}
if (made.length === 0) Deno.exit(1);

const bill = join(dist, `${name}-${version}.cdx.json`);
const runtime = await versionOf(namedRuntime("x86_64").deno);
const timestamp = await sourceTime();
await Deno.writeTextFile(
  bill,
  await billOfMaterials({ name, version, licence: license, runtime, timestamp }, await shippedPackages()),
);
const licences = join(dist, "THIRD-PARTY-LICENSES.txt");
await Deno.copyFile(join(staged, "THIRD-PARTY-LICENSES.txt"), licences);
const installer = join(dist, "install.sh");
await Deno.copyFile(join(root, "install.sh"), installer);

const sums = await Promise.all([...made, bill, licences, installer].map(checksumLine));
await Deno.writeTextFile(join(dist, "SHA256SUMS"), sums.join(""));
console.log(`made    ${[bill, licences, installer].map((path) => basename(path)).join(", ")}, SHA256SUMS`);
