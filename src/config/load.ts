import { dirname } from "node:path";
import { parse, TomlError } from "smol-toml";
import { overlayEnvironment } from "./env_overlay.ts";
import type { Finding, Problem } from "./finding.ts";
import { formatKeyPath, type KeyPath, variableOf } from "./key_path.ts";
import { locateConfig, type Search } from "./locate.ts";
import { isTable, Layers, type Origin } from "./origin.ts";
import { withAbsolutePaths } from "./paths.ts";
import { checkRules } from "./rules.ts";
import { type Draft, salvage } from "./salvage.ts";
import { type Config, configSchema } from "./schema.ts";
import { schemaProblems, valueAt } from "./schema_problems.ts";
import { nodeAt } from "./schema_tree.ts";
import { type Files, isPlaceholder, resolveSecrets, secretPaths } from "./secrets.ts";
import { MAX_TOML_DEPTH, nestsDeeper } from "./toml_depth.ts";
import { indexTomlLines, type LineIndex, lineOf } from "./toml_lines.ts";

export type { Finding } from "./finding.ts";

/** Findings that are told one by one: a text that is wrong everywhere would else give more than anybody can hold. */
const MOST_FINDINGS = 200;

/** Where to look for the configuration, and how. */
export interface LoadOptions extends Search, Files {
  /** What of the valid parts counts where the file is for a role that leaves sections unused; all of it unless told. */
  readonly counts?: (valid: Draft<Config>) => Draft<Config>;
  /**
   * Judges the valid parts beside the rules of this room, also of a configuration that is refused; paths in them are as
   * written, and relative ones start at `directory`. What it finds is merged with everything else.
   */
  readonly judge?: (valid: Draft<Config>, directory: string) => Promise<readonly Problem[]>;
}

/** A configuration ready for use, or every reason why it is not. */
export type LoadResult =
  | {
    readonly ok: true;
    /** Checked, defaults in place, paths absolute. */
    readonly config: Config;
    readonly file: string;
    /** What stands in the file. May hold secrets. */
    readonly text: string;
    /** Warnings and notes. */
    readonly findings: Finding[];
    /** Values that no log may show. */
    readonly secrets: string[];
    /** Key path → where the value came from; a key that is not in it has its default. */
    readonly origins: ReadonlyMap<string, Origin>;
  }
  | { readonly ok: false; readonly file: string | null; readonly findings: Finding[] };

/**
 * Loads the configuration and reports everything that is wrong with it at once. Precedence: defaults < file <
 * `EDGEKEEP_<SECTION>__<FIELD>` < `<field>_file` < systemd credentials (`$CREDENTIALS_DIRECTORY/<section>.<field>`).
 */
export async function loadConfig(options: LoadOptions): Promise<LoadResult> {
  const located = await locateConfig(options, options.readFile);
  if (located.finding !== null) return { ok: false, file: located.file, findings: [located.finding] };
  const { file, text } = located;
  if (nestsDeeper(text)) return { ok: false, file, findings: [depthFinding(file)] };

  let parsed: Record<string, unknown>;
  try {
    parsed = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return { ok: false, file, findings: [syntaxFinding(error, file)] };
  }
  let lines: LineIndex | undefined;
  const layers = new Layers(parsed);
  const locate = (path: KeyPath): Pick<Finding, "file" | "line"> => {
    // a secret from a file of its own stands where that file is named
    const named = [...path.slice(0, -1), `${path.at(-1)}_file`];
    const place = layers.originOf(path) === "file_reference" ? named : path;
    return layers.originOf(place) === "env"
      ? { file: null, line: null }
      : { file, line: lineOf(lines ??= indexTomlLines(text), place) };
  };
  const directory = dirname(file);

  const findings = overlayEnvironment(layers, options.env);
  findings.push(...await exposedSecrets(layers, file, options, locate));
  findings.push(
    ...await resolveSecrets(layers, directory, options.env["CREDENTIALS_DIRECTORY"] || undefined, options, locate),
  );

  const unanswered = new Set(findings.filter(({ severity }) => severity === "error").map(({ path }) => path));
  const checked = configSchema.safeParse(layers.document);
  const valid = checked.success ? checked.data : salvage(configSchema, layers.document);
  const problems = problemsOf(
    layers,
    checked.success ? [] : schemaProblems(checked.error.issues, layers.document),
    [...checkRules(options.counts?.(valid) ?? valid), ...await options.judge?.(valid, directory) ?? []],
  )
    // a secret whose file cannot be read is missing for that reason
    .filter(({ at }) => !unanswered.has(`${formatKeyPath(at)}_file`));
  // not spread into the arguments of a call: those are bounded
  for (const problem of problems) findings.push(findingOf(problem, layers, locate));
  findings.sort(byPlace);

  if (!checked.success || findings.some(({ severity }) => severity === "error")) {
    return { ok: false, file, findings: mostOf(findings, file) };
  }
  return {
    ok: true,
    config: withAbsolutePaths(checked.data, directory),
    file,
    text,
    findings: mostOf(findings, file),
    secrets: secretPaths().map((path) => valueAt(checked.data, path)).filter((value) => typeof value === "string"),
    origins: layers.origins,
  };
}

/** Placeholders, the schema's problems and the rules', the first of each key alone. */
function problemsOf(
  { document }: Layers,
  ofSchema: readonly Problem[],
  ofRules: readonly Problem[],
): Problem[] {
  const placeholders = placeholderProblems(document, []);
  const taken = new Set(placeholders.map(({ at }) => formatKeyPath(at)));
  const free = ({ at }: Problem) => !taken.has(formatKeyPath(at));
  const first = [...placeholders, ...ofSchema.filter(free)];
  for (const { at } of ofSchema) taken.add(formatKeyPath(at));
  return [...first, ...ofRules.filter(free)];
}

function placeholderProblems(value: unknown, at: KeyPath): Problem[] {
  if (Array.isArray(value)) return value.flatMap((item, entry) => placeholderProblems(item, [...at, entry]));
  if (isTable(value)) return Object.entries(value).flatMap(([key, item]) => placeholderProblems(item, [...at, key]));
  if (typeof value !== "string" || !isPlaceholder(value)) return [];
  const node = nodeAt(at);
  const variable = node === null ? null : variableOf(at);
  const text = `${formatKeyPath(at)} still holds a placeholder (REPLACE_ME_WITH_…)`;
  const fix = variable === null
    ? "Write the real value in its place"
    : node?.kind === "value" && node.secret
    ? `Set ${variable}, or ${node.key}_file to the path of a file that holds it`
    : `Write the real value in its place, or set ${variable}`;
  return [{ rule: "placeholder", severity: "error", at, text, fix }];
}

function findingOf(
  problem: Problem,
  layers: Layers,
  locate: (path: KeyPath) => Pick<Finding, "file" | "line">,
): Finding {
  const { at, rule, severity, text, fix } = problem;
  const variable = layers.originOf(at) === "env"
    ? variableOf(at.filter((segment) => typeof segment === "string"))
    : null;
  return {
    rule,
    severity,
    path: formatKeyPath(at),
    ...locate(at),
    text: variable === null ? text : `${text} (set by ${variable})`,
    fix: variable === null ? fix : `Correct ${variable}: ${fix.charAt(0).toLowerCase()}${fix.slice(1)}`,
  };
}

/** Secrets that stand in a file which every user of the machine can read. */
async function exposedSecrets(
  layers: Layers,
  file: string,
  { fileMode }: Files,
  locate: (path: KeyPath) => Pick<Finding, "file" | "line">,
): Promise<Finding[]> {
  const mode = await fileMode?.(file) ?? null;
  if (mode === null || (mode & 0o004) === 0) return [];
  return secretPaths().flatMap((path) => {
    const value = valueAt(layers.document, path);
    if (layers.originOf(path) !== "file" || typeof value !== "string" || isPlaceholder(value)) return [];
    const text = `Every user of this machine can read ${formatKeyPath(path)} in this file`;
    const fix = `chmod 640 ${file}, or keep the secret in a file of its own: ${path.at(-1)}_file`;
    return [{ rule: "config_file_mode", severity: "warning", path: formatKeyPath(path), ...locate(path), text, fix }];
  });
}

function syntaxFinding(error: TomlError, file: string): Finding {
  // the parser's message goes on with lines of the file, and those may hold secrets
  const reason = (error.message.split("\n")[0] ?? "").replace(/^Invalid TOML document: /, "");
  return {
    rule: "toml_syntax",
    severity: "error",
    path: "",
    line: error.line,
    file,
    text: `Line ${error.line}, column ${error.column} is not TOML: ${reason}`,
    fix: "Correct the line; texts stand in quotes, each key on its own line",
  };
}

function depthFinding(file: string): Finding {
  return {
    rule: "toml_depth",
    severity: "error",
    path: "",
    line: null,
    file,
    text: `The text nests deeper than ${MAX_TOML_DEPTH} levels, and no key lies so deep`,
    fix: "Remove what nests so deep",
  };
}

function mostOf(findings: Finding[], file: string): Finding[] {
  const further = findings.slice(MOST_FINDINGS);
  if (further.length === 0) return findings;
  return [...findings.slice(0, MOST_FINDINGS), {
    rule: "more_findings",
    severity: further.some(({ severity }) => severity === "error") ? "error" : "warning",
    path: "",
    line: null,
    file,
    text: `${further.length} further findings are not listed`,
    fix: "Mend the listed ones first",
  }];
}

function byPlace(a: Finding, b: Finding): number {
  return (a.line ?? Infinity) - (b.line ?? Infinity) || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0) || 0;
}
