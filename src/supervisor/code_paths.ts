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
  return parts.map((part) => fileURLToPath(new URL(part, root)).replace(/(.)\/$/, "$1"));
}
