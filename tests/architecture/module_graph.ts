import { dirname, relative } from "node:path/posix";
import { fileURLToPath } from "node:url";

/** One `import` or `export … from` of a module. */
export interface Import {
  /** As written. */
  readonly specifier: string;
  /**
   * What it leads to: a path relative to the folder of the rooms, else the resolved specifier (`node:path`,
   * `npm:zod@4.6.7`); null where it leads nowhere.
   */
  readonly target: string | null;
  /** Only types cross it: nothing of it is left at run time. */
  readonly typeOnly: boolean;
}

export interface Module {
  /** Relative to the folder of the rooms: `tags/tag.ts`. */
  readonly path: string;
  readonly imports: readonly Import[];
  readonly text: string;
}

interface DenoInfo {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
}

/**
 * Reads the import graph of every module below a folder as Deno itself resolves it. Tests are left out: they may
 * reach for any room.
 *
 * @param src the folder of the rooms; its URL ends in a slash
 */
export async function readModules(src: URL): Promise<Module[]> {
  const root = fileURLToPath(src);
  const files = [...modulesBelow(src)];
  // one entry that imports them all, where no configuration file of the tree applies to it
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(entry, files.map((file) => `import ${JSON.stringify(file.href)};\n`).join(""));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", entry],
      cwd: dirname(root),
    }).output();
    if (!success) throw new Error(`Cannot read the import graph: ${new TextDecoder().decode(stderr)}`);
    const info: DenoInfo = JSON.parse(new TextDecoder().decode(stdout));
    const dependencies = new Map(info.modules.map((module) => [module.specifier, module.dependencies ?? []]));
    return await Promise.all(files.map(async (file) => ({
      path: relative(root, fileURLToPath(file)),
      text: await Deno.readTextFile(file),
      imports: (dependencies.get(file.href) ?? []).map(({ specifier, code, type }) => {
        const target = code?.specifier ?? type?.specifier ?? null;
        return {
          specifier,
          target: target?.startsWith("file:") ? relative(root, fileURLToPath(target)) : target,
          typeOnly: code === undefined,
        };
      }),
    })));
  } finally {
    await Deno.remove(entry);
  }
}

function* modulesBelow(folder: URL): Generator<URL> {
  for (const entry of Deno.readDirSync(folder)) {
    if (entry.isDirectory) yield* modulesBelow(new URL(`${entry.name}/`, folder));
    else if (/\.tsx?$/.test(entry.name) && !/_test\.tsx?$/.test(entry.name)) yield new URL(entry.name, folder);
  }
}
