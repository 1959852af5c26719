import { loadConfig, type LoadResult } from "./load.ts";
import type { Search } from "./locate.ts";

/**
 * {@link loadConfig} with this process's files, environment and folder. Only the supervisor calls it: workers get the
 * result by message.
 */
export function loadConfigHere({ path, project }: Pick<Search, "path" | "project">): Promise<LoadResult> {
  return loadConfig({
    path,
    project,
    env: Deno.env.toObject(),
    cwd: Deno.cwd(),
    readFile: (file) => Deno.readTextFile(file),
    fileMode: async (file) => (await Deno.stat(file)).mode,
  });
}
