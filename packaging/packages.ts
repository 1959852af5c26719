import { pathToFileURL } from "node:url";
import { browserEntry, copiedPackages, entries } from "./entries.ts";

const root = new URL("../", import.meta.url);

/** An npm package that is part of the executable. */
export interface ShippedPackage {
  /** Name, version and resolved peers, as `deno.lock` keys it. */
  readonly key: string;
  readonly name: string;
  readonly version: string;
  /** Keys of the packages that it depends on. */
  readonly dependencies: readonly string[];
  /** `sha512-<base64>` of the package's archive, from the lock file. */
  readonly integrity: string;
  /** SPDX expression of its manifest; null where it states none. */
  readonly licence: string | null;
  /** Where it is installed; ends in a slash. */
  readonly folder: URL;
}

interface DenoInfo {
  readonly modules: readonly { readonly kind: string; readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<
    Record<
      string,
      {
        readonly name: string;
        readonly version: string;
        readonly dependencies: readonly string[];
        readonly localPath: string;
      }
    >
  >;
}

interface LockFile {
  readonly npm: Readonly<Record<string, { readonly integrity: string }>>;
}

/**
 * The packages that the program's modules import and all that those depend on, in the order of their keys.
 *
 * @throws when the lock file does not know one of them
 */
export async function shippedPackages(): Promise<ShippedPackage[]> {
  const lock: LockFile = JSON.parse(await Deno.readTextFile(new URL("deno.lock", root)));
  const graphs = await Promise.all([...entries, browserEntry].map(moduleGraph));
  const known = Object.assign({}, ...graphs.map(({ npmPackages }) => npmPackages)) as DenoInfo["npmPackages"];

  const waiting = [
    ...graphs.flatMap(({ modules }) => modules.flatMap(({ npmPackage }) => npmPackage ?? [])),
    ...Object.keys(known).filter((key) => copiedPackages.includes(known[key]?.name ?? "")),
  ];
  const packages = new Map<string, ShippedPackage>();
  for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
    const info = known[key];
    const integrity = lock.npm[key]?.integrity;
    if (packages.has(key)) continue;
    if (info === undefined || integrity === undefined) throw new Error(`Cannot find ${key} in the lock file`);
    const folder = pathToFileURL(`${info.localPath}/`);
    const { name, version, dependencies } = info;
    packages.set(key, { key, name, version, dependencies, integrity, folder, licence: await licenceOf(folder) });
    waiting.push(...dependencies);
  }
  return [...packages.values()].sort((a, b) => a.key < b.key ? -1 : 1);
}

async function moduleGraph(entry: string): Promise<DenoInfo> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", `src/${entry}`],
    cwd: root,
  }).output();
  if (!success) throw new Error(`Cannot read the modules of src/${entry}: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function licenceOf(folder: URL): Promise<string | null> {
  const { license, licenses } = JSON.parse(await Deno.readTextFile(new URL("package.json", folder)));
  // old manifests: { type, url } objects, or a list of them
  const stated = [license ?? licenses ?? []].flat().map((entry) => typeof entry === "string" ? entry : entry.type);
  return stated.length === 0 ? null : stated.join(" OR ");
}
