/**
 * Where a worker's entry module lies, seen from the root module that starts it. In the source tree the entry is a
 * TypeScript file; in a bundle, where `base` is a `.js` module, the same file was bundled to `.js` in the same place.
 *
 * @param base the root module's `import.meta.url`
 * @param path relative to it, `./gateway.ts`
 */
export function workerUrl(base: string | URL, path: string): URL {
  const bundled = !new URL(base).pathname.endsWith(".ts");
  return new URL(bundled ? path.replace(/\.ts$/, ".js") : path, base);
}
