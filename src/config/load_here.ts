import { resolve } from "node:path";
import { loadConfig, type LoadOptions, type LoadResult } from "./load.ts";
import type { Search } from "./locate.ts";

/** Which configuration, and what looks at it besides the loader. */
export interface LoadHere extends Pick<Search, "path" | "project">, Pick<LoadOptions, "judge"> {
  /** A proposed text that stands for what is in the file `path`. */
  readonly text?: string | undefined;
}

/**
 * {@link loadConfig} with this process's files, environment and folder. Only the supervisor calls it: workers get the
 * result by message.
 */
export function loadConfigHere({ path, project, judge, text }: LoadHere): Promise<LoadResult> {
  const proposed = text === undefined || path === undefined ? null : resolve(path);
  return loadConfig({
    path,
    project,
    env: Deno.env.toObject(),
    cwd: Deno.cwd(),
    readFile: (file) =>
      text !== undefined && resolve(file) === proposed ? Promise.resolve(text) : Deno.readTextFile(file),
    fileMode: async (file) => resolve(file) === proposed ? modeOrNull(file) : (await Deno.stat(file)).mode,
    ...judge === undefined ? {} : { judge },
  });
}

/** A file that is proposed need not be there yet. */
async function modeOrNull(file: string): Promise<number | null> {
  try {
    return (await Deno.stat(file)).mode;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
