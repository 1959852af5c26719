import { dirname, join, resolve } from "node:path";
import type { Finding } from "./finding.ts";
import { formatKeyPath, type KeyPath } from "./key_path.ts";
import type { Layers } from "./origin.ts";
import { valueAt } from "./schema_problems.ts";
import { allValues } from "./schema_tree.ts";
import { reasonOf } from "./unreadable.ts";

/** How the loader looks at files. */
export interface Files {
  /** Rejects with `Deno.errors.NotFound` where there is no such file. */
  readonly readFile: (path: string) => Promise<string>;
  /** Permission bits, or `null` where they are not known. Without this function modes are not judged. */
  readonly fileMode?: (path: string) => Promise<number | null>;
}

const OTHERS_READ = 0o004;

/** Keys of all values that are never shown; none lies in a list of tables. */
export function secretPaths(): (readonly string[])[] {
  return allValues().filter(({ node, repeated }) => node.secret && !repeated).map(({ path }) => path);
}

/**
 * Puts secrets in place that the document only refers to: `<key>_file`, and on top of it systemd's credential
 * `<section>.<field>`. Line ends at the end of a file are not part of the secret.
 *
 * @param directory where relative paths start
 */
export async function resolveSecrets(
  layers: Layers,
  directory: string,
  credentials: string | undefined,
  files: Files,
  locate: (path: KeyPath) => Pick<Finding, "file" | "line">,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const path of secretPaths()) {
    const key = path.at(-1) ?? "";
    const reference = [...path.slice(0, -1), `${key}_file`];
    const report = (rule: string, severity: Finding["severity"], text: string, fix: string) => {
      findings.push({ rule, severity, path: formatKeyPath(reference), ...locate(reference), text, fix });
    };
    // what stands beside a reference is overruled by it, so it matters only when it is no placeholder
    const inline = valueAt(layers.document, path);
    const named = layers.take(reference);
    let from: string | null = null;
    if (named !== undefined && (typeof named !== "string" || named === "")) {
      const text = `${formatKeyPath(reference)} must be the path of a file that holds the secret`;
      report("wrong_type", "error", text, `Write ${key}_file = "…"`);
      layers.take(path);
    } else if (typeof named === "string") {
      from = resolve(directory, named);
      if (typeof inline === "string" && inline !== "" && !isPlaceholder(inline)) {
        report("secret_twice", "warning", `${key} and ${key}_file are both set; the file counts`, `Remove ${key}`);
      }
      if (!await place(layers, path, named, from, files, "file_reference", report)) layers.take(path);
    }
    if (credentials === undefined) continue;
    const credential = join(credentials, path.join("."));
    if (await exists(credential, files)) {
      if (from !== null) {
        report(
          "secret_twice",
          "warning",
          `${key}_file and a systemd credential are both set; the credential counts`,
          `Remove ${key}_file`,
        );
      }
      // systemd guards the mode of its credentials itself
      await place(layers, path, credential, credential, { readFile: files.readFile }, "credential", report);
    }
  }
  return findings;
}

/** Whether a text still asks to be replaced, as the shipped configuration does. */
export function isPlaceholder(text: string): boolean {
  return text.includes("REPLACE_ME_WITH_");
}

async function place(
  layers: Layers,
  path: readonly string[],
  named: string,
  from: string,
  files: Files,
  origin: "file_reference" | "credential",
  report: (rule: string, severity: Finding["severity"], text: string, fix: string) => void,
): Promise<boolean> {
  let secret: string;
  try {
    secret = (await files.readFile(from)).replace(/[\r\n]+$/, "");
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    // a name without a folder that leads nowhere may be the secret itself, put into the wrong key
    const shown = named.includes("/") ? from : `that ${path.at(-1)}_file names in ${dirname(from)}`;
    const text = `Cannot read the secret file ${shown}: ${missing ? "there is no such file" : reasonOf(error)}`;
    report(
      "secret_file_unreadable",
      "error",
      text,
      missing ? "Write the secret into it, mode 0600" : "Let the gateway's user read it",
    );
    return false;
  }
  if (secret.trim() === "") {
    report("secret_file_empty", "error", `The secret file ${from} is empty`, "Write the secret into it");
    return false;
  }
  const mode = await files.fileMode?.(from) ?? null;
  if (mode !== null && (mode & OTHERS_READ) !== 0) {
    const text = `Every user of this machine can read the secret file ${from} (mode 0${(mode & 0o777).toString(8)})`;
    report("secret_file_mode", "warning", text, `chmod 600 ${from}`);
  }
  return layers.set(path, secret, origin);
}

async function exists(path: string, files: Files): Promise<boolean> {
  try {
    await files.readFile(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
