import { isDeepStrictEqual } from "node:util";
import { parse } from "smol-toml";
import { formatKeyPath, type KeyPath, parseKeyPath } from "../config/key_path.ts";
import type { LoadResult } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { valueAt } from "../config/schema_problems.ts";
import { isKeptSecret } from "../config/secret_mask.ts";
import { secretPaths } from "../config/secrets.ts";
import { scanToml } from "../config/toml_scan.ts";
import type { ConfigProposal } from "./role_protocol.ts";

/** What a plan compares. */
export interface Compared {
  readonly proposal: ConfigProposal;
  /** What stands in the file, and what would. */
  readonly disk: string;
  readonly text: string;
  readonly running: Config;
  readonly next: Extract<LoadResult, { ok: true }>;
}

/**
 * The running configuration with another value in place of each secret that the proposal itself brings: compared with it,
 * such a secret is always a change. Otherwise whoever may plan could try out passwords and tokens, as many as they like,
 * and read from the changes which one is right.
 */
export function withoutSecretsToCompare({ proposal, disk, text, running, next }: Compared): Config {
  const brought = secretPaths().filter((path) => {
    const value = valueAt(running, path);
    if (typeof value !== "string" || value === "") return false;
    const origin = next.origins.get(formatKeyPath(path));
    if (origin === "file_reference") return namesAnotherFile(path, disk, text);
    return origin === "file" && bringsValue(proposal, path);
  });
  if (brought.length === 0) return running;
  const copy = structuredClone(running);
  for (const path of brought) replace(copy, path);
  return copy;
}

function namesAnotherFile(path: KeyPath, disk: string, text: string): boolean {
  const reference = [...path.slice(0, -1), `${path.at(-1)}_file`];
  return !isDeepStrictEqual(valueAt(parse(disk), reference), valueAt(parse(text), reference));
}

function bringsValue(proposal: ConfigProposal, path: KeyPath): boolean {
  if (proposal.set !== undefined) {
    return Object.keys(proposal.set).some((key) => {
      const at = parseKeyPath(key);
      return at !== null && at.every((segment, index) => segment === path[index]);
    });
  }
  const { text } = proposal;
  const place = formatKeyPath(path);
  return !scanToml(text).entries.some((entry) =>
    formatKeyPath(entry.path) === place && isKeptSecret(text.slice(entry.valueStart, entry.valueEnd))
  );
}

function replace(config: Config, path: KeyPath): void {
  const table: unknown = valueAt(config, path.slice(0, -1));
  const key = path.at(-1);
  if (typeof table === "object" && table !== null && key !== undefined) {
    Reflect.set(table, key, crypto.randomUUID());
  }
}
