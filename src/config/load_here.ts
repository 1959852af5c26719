import { resolve } from "node:path";
import { loadConfig, type LoadOptions, type LoadResult } from "./load.ts";
import type { Search } from "./locate.ts";
import { readPlainFile } from "./read_plain_file.ts";

/** What a file may hold that is found or named: a whole configuration at most. */
const MAX_FILE_BYTES = 16_777_216;

/** Which configuration, and what looks at it besides the loader. */
export interface LoadHere extends Pick<Search, "path" | "project">, Pick<LoadOptions, "judge" | "counts"> {
  /** A proposed text that stands for what is in the file `path`. */
  readonly text?: string | undefined;
}

/**
 * {@link loadConfig} with this process's files, environment and folder. Only the supervisor calls it: workers get the
 * result by message.
 */
export function loadConfigHere({ path, project, judge, counts, text }: LoadHere): Promise<LoadResult> {
  const proposed = text === undefined || path === undefined ? null : resolve(path);
  return loadConfig({
    path,
    project,
    env: Deno.env.toObject(),
    cwd: Deno.cwd(),
    readFile: async (file) => {
      if (path !== undefined && resolve(file) === resolve(path)) {
        // whoever starts the program names it, and may name a pipe
        return text ?? await Deno.readTextFile(file);
      }
      return new TextDecoder().decode(await readPlainFile(file, MAX_FILE_BYTES));
    },
    fileMode: async (file) => resolve(file) === proposed ? modeOrNull(file) : (await Deno.stat(file)).mode,
    ...judge === undefined ? {} : { judge },
    ...counts === undefined ? {} : { counts },
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
