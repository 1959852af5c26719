/**
 * Builds the browser program: `static/app.js` (one minified module) and the files that it needs from packages. The
 * other files of `static/` are source. Run by `deno task build:ui`.
 */
const root = new URL("../../", import.meta.url);
const copies = [
  ["@fontsource-variable/inter/files/inter-latin-wght-normal.woff2", "static/inter.woff2"],
  ["@fontsource-variable/inter/LICENSE", "static/inter-license.txt"],
] as const;

const { success, stderr } = await new Deno.Command(Deno.execPath(), {
  args: ["bundle", "--quiet", "--platform", "browser", "--minify", "-o", "static/app.js", "src/ui/main.tsx"],
  cwd: root,
  stdout: "null",
  stderr: "piped",
}).output();
if (!success) throw new Error(`Cannot bundle the browser program: ${new TextDecoder().decode(stderr)}`);
for (const [from, to] of copies) {
  // copyFile would carry over the package cache's hard link and mode
  await Deno.writeFile(new URL(to, root), await Deno.readFile(new URL(`node_modules/${from}`, root)));
}
