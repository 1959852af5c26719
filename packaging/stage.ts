import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../deno.json" with { type: "json" };
import { entries } from "./entries.ts";
import { shippedPackages } from "./packages.ts";
import { thirdPartyLicences } from "./third_party_licences.ts";

const root = new URL("../", import.meta.url);

/** Namespace 0, which every OPC UA server loads: the document, and its compiled form, which loads in half the time. */
const nodesets = ["Opc.Ua.NodeSet2.xml", "Opc.Ua.NodeSet2.ndjson.gz"];

/** Packages that a dependency tries to load and does without when they are not installed, as here. */
const optionalPackages = ["proper-lockfile"];

/**
 * Lays out what an executable embeds: the bundles where the modules lie in the source tree (`src/gateway.js`), and
 * beside them the files that are read at run time.
 *
 * @param folder is emptied first
 */
export async function stage(folder: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  for (const entry of entries) await bundle(entry, join(folder, "src", entry.replace(/\.ts$/, ".js")));
  await copyFolder(new URL("static/", root), join(folder, "static"));
  await stageNodesets(join(folder, "nodesets"));
  // node-opcua looks for a package.json above its modules when it loads, and Deno for the kind of the .js files
  const { name, version, license } = manifest;
  await write(join(folder, "package.json"), JSON.stringify({ name, version, license, type: "module" }) + "\n");
  await write(join(folder, "LICENSE"), await Deno.readFile(new URL("LICENSE", root)));
  await write(join(folder, "THIRD-PARTY-LICENSES.txt"), await thirdPartyLicences(await shippedPackages()));
}

async function bundle(entry: string, output: string): Promise<void> {
  await Deno.mkdir(dirname(output), { recursive: true });
  // Not minified: libraries tell classes apart by their names, and a stack trace in the log should say something. Names
  // are kept where the bundler had to rename a class.
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--quiet", "--platform", "deno", "--keep-names"],
      ...optionalPackages.flatMap((name) => ["--external", name]),
      ...["-o", output, `src/${entry}`],
    ],
    cwd: root,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot bundle src/${entry}: ${new TextDecoder().decode(stderr)}`);
  // the bundler's stand-in for `require`, which knows no module; Deno puts a working one in its place
  if ((await Deno.readTextFile(output)).includes("Dynamic require of")) {
    throw new Error(`Cannot use the bundle of src/${entry}: require() does not work in it`);
  }
}

/**
 * node-opcua looks for its catalogue of nodesets in `../nodesets` of the bundle when it loads, and for each one that
 * is missing there in the working directory, which the gateway's sandbox refuses. So the ones that are never loaded
 * are there too, empty.
 */
async function stageNodesets(folder: string): Promise<void> {
  const catalogue = new URL("../nodesets/", await nodesetsModule());
  for await (const { name } of Deno.readDir(catalogue)) {
    if (nodesets.includes(name)) await write(join(folder, name), await Deno.readFile(new URL(name, catalogue)));
    else if (name.endsWith(".xml")) await write(join(folder, name), "");
  }
}

/** The module of node-opcua-nodesets that names the folder. */
async function nodesetsModule(): Promise<URL> {
  const found = (await shippedPackages()).find(({ name }) => name === "node-opcua-nodesets");
  if (found === undefined) throw new Error("Cannot find the package node-opcua-nodesets among the dependencies");
  return new URL("dist/index.js", found.folder);
}

async function copyFolder(from: URL, to: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(new URL(`${name}/`, from), join(to, name));
    else await write(join(to, name), await Deno.readFile(new URL(name, from)));
  }
}

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
}

if (import.meta.main) {
  await stage(Deno.args[0] ?? fileURLToPath(new URL("dist/stage", root)));
}
