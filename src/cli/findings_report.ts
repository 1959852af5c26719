import type { LoadResult } from "../config/load.ts";
import type { Finding } from "../config/finding.ts";

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
 */
export function findingsJson(result: LoadResult): string {
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

// A name in the file must not be able to move the reader's cursor or colour the terminal.
function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
