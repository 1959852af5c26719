import { fileURLToPath } from "node:url";

/**
 * Where the program's own files lie, seen from the root module `base` (`src/main.ts` or, bundled, `src/main.js`): in a
 * checkout the folders with modules, packages and assets; in a bundle, or embedded in an executable, the folder above
 * the module, which holds nothing else.
 *
 * @param base the root module's `import.meta.url`
 */
export function codePaths(base: string | URL): string[] {
  const root = new URL("../", base);
  const parts = new URL(base).pathname.endsWith(".ts") ? ["src", "static", "node_modules"] : ["."];
  const paths = parts.map((part) => fileURLToPath(new URL(part, root)).replace(/(.)\/$/, "$1"));
  return [...new Set(paths.flatMap((path) => [path, realPath(path)]))];
}

/** Packages are asked for by their real path: node_modules may be a link to another place. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}
