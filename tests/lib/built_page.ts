const root = new URL("../../", import.meta.url);
const outputs = [
  "app.js",
  "shared.js",
  "shared_late.js",
  "shared_hub.js",
  "lists.js",
  "late.js",
  "hub.js",
  "de_faults.js",
  "inter.woff2",
].map((name) => `static/${name}`);

/** Where the page's files lie, built from the sources as they are now. */
export async function builtPage(): Promise<URL> {
  const newestSource = await newest(new URL("src/ui/", root));
  const built = await Promise.all(outputs.map((path) => modified(new URL(path, root))));
  if (Math.min(...built) < newestSource) {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "build:ui"],
      cwd: root,
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`Cannot build the page: ${new TextDecoder().decode(stderr)}`);
  }
  return new URL("static/", root);
}

async function newest(folder: URL): Promise<number> {
  let latest = 0;
  for await (const entry of Deno.readDir(folder)) {
    const path = new URL(entry.isDirectory ? `${entry.name}/` : entry.name, folder);
    latest = Math.max(latest, entry.isDirectory ? await newest(path) : await modified(path));
  }
  return latest;
}

async function modified(path: URL): Promise<number> {
  try {
    return (await Deno.stat(path)).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
