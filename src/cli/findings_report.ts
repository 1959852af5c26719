import type { LoadResult } from "../config/load.ts";
import type { Finding } from "../config/finding.ts";
import { visible } from "./visible.ts";

const headings = { error: "Errors", warning: "Warnings", note: "Notes" } as const;

/** A loaded configuration as a person reads it: findings by severity, each with its place, text and remedy. */
export function findingsText(result: LoadResult): string {
  const groups = (["error", "warning", "note"] as const).flatMap((severity) => {
    const found = result.findings.filter((finding) => finding.severity === severity);
    return found.length === 0
      ? []
      : [`${headings[severity]} (${found.length})\n\n${found.map(findingText).join("\n")}`];
  });
  const verdict = result.ok ? "The configuration is valid" : "The configuration is refused";
  return [...groups, `${verdict}${result.file === null ? "" : `: ${result.file}`}\n`].join("\n");
}

/**
 * The same for programs: one JSON document whose keys stay. `ok` says whether the configuration would start; a finding
 * has `severity`, `rule`, `path`, `file`, `line`, `text` and `fix`.
 *
 * @param more further keys of the document
 */
export function findingsJson(result: LoadResult, more: Readonly<Record<string, unknown>> = {}): string {
  const count = (severity: Finding["severity"]) => result.findings.filter((one) => one.severity === severity).length;
  return JSON.stringify(
    {
      ok: result.ok,
      file: result.file,
      errors: count("error"),
      warnings: count("warning"),
      notes: count("note"),
      findings: result.findings.map(({ severity, rule, path, file, line, text, fix }) => (
        { severity, rule, path, file, line, text, fix }
      )),
      ...more,
    },
    null,
    2,
  ) + "\n";
}

function findingText({ file, line, path, rule, text, fix }: Finding): string {
  const place = file === null ? "" : `${file}${line === null ? "" : `:${line}`}`;
  const head = [place, path, `[${rule}]`].filter((part) => part !== "").join("  ");
  return `  ${visible(head)}\n    ${visible(text)}\n    → ${visible(fix)}\n`;
}
