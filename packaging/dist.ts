import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../deno.json" with { type: "json" };
import { bakedFlags } from "../src/supervisor/baked_flags.ts";
import { billOfMaterials } from "./bill_of_materials.ts";
import { shippedPackages } from "./packages.ts";
import { stage } from "./stage.ts";

/**
 * `make dist`: compiles `dist/edgekeep-<version>-<architecture>` for each architecture whose runtime is at hand, with
 * checksums, licences and bill of materials.
 *
 * The runtime that `deno compile` embeds ("denort") comes from Deno's download host, or from a file:
 * `DENORT_BIN_x86_64`, `DENORT_BIN_aarch64`. It must be of the version of the Deno that compiles: this one, or the one
 * that `DENORT_DENO` names.
 */
const architectures = ["x86_64", "aarch64"] as const;
type Architecture = typeof architectures[number];

const root = fileURLToPath(new URL("../", import.meta.url));
const dist = join(root, "dist");

/** @returns the executable's path, or why it could not be made */
async function compile(
  architecture: Architecture,
  staged: string,
): Promise<{ readonly path: string } | { readonly skipped: string }> {
  const denort = Deno.env.get(`DENORT_BIN_${architecture}`);
  const path = join(dist, `edgekeep-${manifest.version}-${architecture}`);
  const target = denort === undefined ? ["--target", `${architecture}-unknown-linux-gnu`] : [];
  const { success, stderr } = await new Deno.Command(compiler(), {
    args: [
      "compile",
      "--quiet",
      "--no-check",
      "--no-config",
      // the cache of compiled code would lie in the shared temporary folder, where others could put one of theirs
      "--no-code-cache",
      ...target,
      ...bakedFlags,
      ...["src", "static", "nodesets", "package.json", "LICENSE", "THIRD-PARTY-LICENSES.txt"].flatMap((part) => [
        "--include",
        part,
      ]),
      "--output",
      path,
      "src/main.js",
    ],
    cwd: staged,
    env: denort === undefined ? {} : { DENORT_BIN: denort },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return { path };
  const reason = new TextDecoder().decode(stderr).trim();
  if (denort !== undefined) throw new Error(`Cannot compile for ${architecture} with ${denort}: ${reason}`);
  return { skipped: `no runtime at hand (name one in DENORT_BIN_${architecture}): ${reason.split("\n")[0]}` };
}

function compiler(): string {
  return Deno.env.get("DENORT_DENO") ?? Deno.execPath();
}

/** The version of the runtime that gets embedded. */
async function runtimeVersion(): Promise<string> {
  const { stdout } = await new Deno.Command(compiler(), { args: ["--version"] }).output();
  const version = /^deno (\S+)/.exec(new TextDecoder().decode(stdout))?.[1];
  if (version === undefined) throw new Error(`Cannot read the version of ${compiler()}`);
  return version;
}

/** When the sources were last changed, so that the same sources give the same files; ISO 8601. */
async function sourceTime(): Promise<string> {
  const epoch = Deno.env.get("SOURCE_DATE_EPOCH") ??
    new TextDecoder().decode(
      (await new Deno.Command("git", { args: ["log", "-1", "--format=%ct"], cwd: root, stderr: "null" }).output())
        .stdout,
    );
  const seconds = Number.parseInt(epoch, 10);
  return new Date(Number.isNaN(seconds) ? Date.now() : seconds * 1000).toISOString();
}

async function sha256(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return `${new Uint8Array(digest).toHex()}  ${basename(path)}\n`;
}

const staged = join(dist, "stage");
await stage(staged);
const made: string[] = [];
for (const architecture of architectures) {
  const result = await compile(architecture, staged);
  if ("path" in result) made.push(result.path);
  console.log("path" in result ? `made    ${basename(result.path)}` : `skipped ${architecture}: ${result.skipped}`);
}
if (made.length === 0) Deno.exit(1);

const bill = join(dist, `edgekeep-${manifest.version}.cdx.json`);
await Deno.writeTextFile(
  bill,
  await billOfMaterials({
    name: manifest.name,
    version: manifest.version,
    licence: manifest.license,
    runtime: await runtimeVersion(),
    timestamp: await sourceTime(),
  }, await shippedPackages()),
);
const licences = join(dist, "THIRD-PARTY-LICENSES.txt");
await Deno.copyFile(join(staged, "THIRD-PARTY-LICENSES.txt"), licences);
const installer = join(dist, "install.sh");
await Deno.copyFile(join(root, "install.sh"), installer);
const sums = await Promise.all([...made, bill, licences, installer].map(sha256));
await Deno.writeTextFile(join(dist, "SHA256SUMS"), sums.join(""));
console.log(`made    ${basename(bill)}, THIRD-PARTY-LICENSES.txt, install.sh, SHA256SUMS`);
