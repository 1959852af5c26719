/**
 * Builds the browser program and the files that it needs from packages. The other files of `static/` are source. Run by
 * `deno task build:ui`.
 *
 * The program is three minified modules: `app.js`, which the page loads, `late.js` with the pages that are fetched when one
 * of them is first opened, and `shared.js` with what both need.
 */
const root = new URL("../../", import.meta.url);
const copies = [
  ["@fontsource-variable/inter/files/inter-latin-wght-normal.woff2", "static/inter.woff2"],
  ["@fontsource-variable/inter/LICENSE", "static/inter-license.txt"],
] as const;
/** What the bundler calls a module, and what the server knows it by. */
const modules = [
  { made: /^main\.js$/, name: "app.js" },
  { made: /^late_pages-\w+\.js$/, name: "late.js" },
  { made: /^chunk-\w+\.js$/, name: "shared.js" },
] as const;

const folder = new URL("static/.build/", root);
await Deno.remove(folder, { recursive: true }).catch((error: unknown) => {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
});
try {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--platform",
      "browser",
      "--minify",
      "--code-splitting",
      "--outdir",
      "static/.build",
      "src/ui/main.tsx",
    ],
    cwd: root,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot bundle the browser program: ${new TextDecoder().decode(stderr)}`);
  const made = [...Deno.readDirSync(folder)].map(({ name }) => name);
  const names = modules.map(({ made: pattern, name }) => {
    const found = made.filter((file) => pattern.test(file));
    if (found.length !== 1) {
      throw new Error(`Cannot tell which module is '${name}': the bundler made ${made.join(", ")}`);
    }
    return { file: found[0] ?? "", name };
  });
  if (made.length !== names.length) {
    throw new Error(`Cannot name every module that the bundler made: ${made.join(", ")}`);
  }
  for (const { file, name } of names) {
    let text = await Deno.readTextFile(new URL(file, folder));
    // the server finds a module by its plain name, and puts the one with the hash in its place; relative, so that the
    // compiler, which takes what is embedded for modules, finds it too
    for (const other of names) text = text.replaceAll(`"./${other.file}"`, `"./${other.name}"`);
    await Deno.writeTextFile(new URL(`static/${name}`, root), text);
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
for (const [from, to] of copies) {
  // copyFile would carry over the package cache's hard link and mode
  await Deno.writeFile(new URL(to, root), await Deno.readFile(new URL(`node_modules/${from}`, root)));
}
