import { join, resolve } from "node:path";
import type { Finding } from "./finding.ts";
import type { Files } from "./secrets.ts";
import { reasonOf } from "./unreadable.ts";

/** Where to look for the configuration. */
export interface Search {
  /** `--config`. */
  readonly path?: string | undefined;
  /** `--project`: a folder with `edgekeep.toml` or `runtime.toml`. */
  readonly project?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** A configuration file that was found, or why none was. */
export type Located =
  | { readonly file: string; readonly text: string; readonly finding: null }
  | { readonly file: string | null; readonly text: null; readonly finding: Finding };

/**
 * Finds and reads the configuration: `--config`, else `--project`, else `EDGEKEEP_CONFIG`, else
 * `/etc/edgekeep/edgekeep.toml`, else `config/edgekeep.toml`. What is named must be there; of the last two the first that
 * exists counts.
 */
export async function locateConfig(search: Search, readFile: Files["readFile"]): Promise<Located> {
  const { path, project, env, cwd } = search;
  if (path !== undefined && project !== undefined) {
    const text = "--config and --project both name a configuration";
    return refused(null, "config_ambiguous", text, "Give one of them");
  }
  const named = path ?? (project === undefined ? env["EDGEKEEP_CONFIG"] || undefined : undefined);
  const tried =
    (named !== undefined
      ? [named]
      : project !== undefined
      ? [join(project, "edgekeep.toml"), join(project, "runtime.toml")]
      : ["/etc/edgekeep/edgekeep.toml", "config/edgekeep.toml"]).map((file) => resolve(cwd, file));
  for (const file of tried) {
    try {
      return { file, text: await readFile(file), finding: null };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      const text = `Cannot read the configuration ${file}: ${reasonOf(error)}`;
      return refused(file, "config_unreadable", text, `Let the gateway's user read it: chown root:edgekeep, chmod 640`);
    }
  }
  const text = `No configuration found at ${tried.join(" or ")}`;
  return refused(null, "config_not_found", text, "Name yours with --config FILE, or make one with: edgekeep init DIR");
}

function refused(file: string | null, rule: string, text: string, fix: string): Located {
  return { file, text: null, finding: { rule, severity: "error", path: "", line: null, file, text, fix } };
}
