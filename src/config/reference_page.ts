import { toml } from "./schema_problems.ts";
import { type SchemaNode, schemaTree, type TableNode, type ValueNode } from "./schema_tree.ts";

const intro = `# Configuration

One file, \`edgekeep.toml\`. This page and the [shipped file](edgekeep.toml) are made from the schema in \`src/config/\`:
\`deno run -A src/config/write_shipped_files.ts\`. \`edgekeep init DIR\` writes a file to start with.

## Where it is read

- \`--config FILE\`, else \`--project DIR\` (\`DIR/edgekeep.toml\` or \`DIR/runtime.toml\`), else \`EDGEKEEP_CONFIG\`, else
  \`/etc/edgekeep/edgekeep.toml\`, else \`config/edgekeep.toml\`.
- The environment overrules the file: \`EDGEKEEP_<SECTION>__<KEY>\`, two underscores for each table, as in
  \`EDGEKEEP_OPCUA__HOST_PORT=4841\` or \`EDGEKEEP_RUNTIME__WEB__LISTEN=127.0.0.1:8081\`. Lists are written \`a,b\` or as
  TOML. Applications, devices and metrics stand in the file only. Short forms: \`EDGEKEEP_LOG_DIR\` and
  \`EDGEKEEP_LOG_LEVEL\`.
- Secrets overrule both from files: \`<key>_file\` names one (line ends at its end do not count), and systemd credentials
  named \`<section>.<key>\` come last. Secrets appear in no log, message or answer.
- Relative paths start at the folder of the file; \`storage.database_path\` and \`opcua.pki_dir\` start at
  \`gateway.data_dir\` unless they begin with \`./\` or \`../\`.

\`edgekeep validate\` reports everything that is wrong at once, with line and remedy, and ends with 0, or with 3 when the
configuration is refused. Unknown keys are refused, and so is a value that still holds \`REPLACE_ME_WITH_\`.

## Keys
`;

/** `config/README.md`: how the configuration is read, and a table of keys for each section. */
export function referencePage(): string {
  const sections: string[] = [];
  const walk = (table: TableNode, above: readonly string[]) => {
    const path = [...above, table.key];
    const children: readonly SchemaNode[] = [...table.children.values()];
    const values = children.filter((child) => child.kind === "value");
    if (values.length > 0) {
      const title = table.many ? `[[${path.join(".")}]]` : `[${path.join(".")}]`;
      sections.push(`### \`${title}\`\n\n${wrap(table.description)}\n\n${pipeTable(values)}`);
    }
    for (const child of children) if (child.kind === "table") walk(child, path);
  };
  for (const child of schemaTree().children.values()) if (child.kind === "table") walk(child, []);
  return `${intro}\n${sections.join("\n\n")}\n`;
}

function pipeTable(values: readonly ValueNode[]): string {
  const rows = values.map((node) =>
    [
      `\`${node.key}\`${node.secret ? `, \`${node.key}_file\`` : ""}`,
      node.expected,
      node.required ? "required" : node.preset === undefined ? `none: ${node.unset}` : `\`${toml(node.preset)}\``,
      node.description,
    ].map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "\\<"))
  );
  const all = [["Key", "Takes", "Default", "Meaning"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(all[0] ?? []), rule, ...all.slice(1).map(line)].join("\n");
}

function wrap(text: string): string {
  return text.replaceAll(/(.{1,120})(?: |$)/g, "$1\n").trimEnd();
}
