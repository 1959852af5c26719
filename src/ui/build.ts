/**
 * Builds the browser program and the files that it needs from packages. The other files of `static/` are source. Run by
 * `deno task build:ui`.
 *
 * The program is minified modules: `app.js`, which the page loads; `late.js` and `hub.js` with the pages that a gateway or
 * any role has and those of a hub, each fetched when one of them is first opened; `de_faults.js` with the faults' words for
 * who reads German; and what several of them need.
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
  { made: /^hub_pages-\w+\.js$/, name: "hub.js" },
  { made: /^de_faults-\w+\.js$/, name: "de_faults.js" },
] as const;
const chunk = /^chunk-\w+\.js$/;
/** What holds the code that several modules need is known by which need it. */
const sharedNames: Readonly<Record<string, string>> = {
  "app.js hub.js late.js": "shared.js",
  "app.js late.js": "shared_late.js",
  "app.js hub.js": "shared_hub.js",
  "hub.js late.js": "lists.js",
};
const shared: { file: string; name: string }[] = [];

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
  const names: { file: string; name: string }[] = modules.map(({ made: pattern, name }) => {
    const found = made.filter((file) => pattern.test(file));
    if (found.length !== 1) {
      throw new Error(`Cannot tell which module is '${name}': the bundler made ${made.join(", ")}`);
    }
    return { file: found[0] ?? "", name };
  });
  const reached = await Promise.all(names.map(({ file }) => reachedFrom(file)));
  for (const file of made.filter((each) => chunk.test(each))) {
    const of = names.filter((_, index) => reached[index]?.has(file)).map(({ name }) => name).sort().join(" ");
    const name = sharedNames[of];
    if (name === undefined) throw new Error(`Cannot name '${file}', which ${of} need`);
    shared.push({ file, name });
  }
  names.push(...shared);
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

/** The modules that one of them imports at once, and what those import. */
async function reachedFrom(file: string, found: Set<string> = new Set()): Promise<Set<string>> {
  const text = await Deno.readTextFile(new URL(file, folder));
  for (const [, other = ""] of text.matchAll(/(?:from|import) ?"\.\/(chunk-\w+\.js)"/g)) {
    if (found.has(other)) continue;
    found.add(other);
    await reachedFrom(other, found);
  }
  return found;
}
