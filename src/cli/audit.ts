import { join } from "node:path";
import { Command, Option } from "commander";
import type { AuditRecord, AuditVerification } from "../audit/audit.ts";
import { readTail } from "../audit/read_tail.ts";
import { verifyFolder } from "../audit/verify_folder.ts";
import { loadConfigHere } from "../config/load_here.ts";
import { recordText } from "./audit_text.ts";
import { type ConfigChoice, withConfigOptions } from "./config_or_exit.ts";
import { ExitCode } from "./exit_code.ts";
import { findingsText } from "./findings_report.ts";
import { wholeNumber } from "./option_values.ts";
import { print } from "./print.ts";
import { visible } from "./visible.ts";

interface FolderChoice extends ConfigChoice {
  readonly dir?: string;
  readonly json?: boolean;
}

interface TailChoice extends FolderChoice {
  readonly limit: number;
  readonly event?: string;
}

const MOST_RECORDS = 100_000;

/** `edgekeep audit`: checks and shows the record of who did what, from its files, whether or not a gateway runs. */
export function auditCommand(): Command {
  return new Command("audit")
    .description("check and show the record of who did what, from its files; a gateway may be running")
    .addCommand(verifyCommand())
    .addCommand(tailCommand())
    .addHelpText(
      "after",
      `
Examples:
  edgekeep audit verify --config /etc/edgekeep/edgekeep.toml
  edgekeep audit verify --dir /media/stick/audit       files that were copied elsewhere
  edgekeep audit tail --event web_auth_failed --json | jq .address`,
    );
}

function verifyCommand(): Command {
  return withFolderOptions(new Command("verify"))
    .description("check that no record was changed, removed or added; exit code 1 when one was")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nThe file `head` beside the records tells how far they went. Whoever can write the folder can exchange all of it:\n" +
        "the gateway's log names the newest record and its hash (event audit_head), and a log kept elsewhere shows that too.",
    )
    .action(async function (choice: FolderChoice) {
      const dir = await folderOf(this, choice);
      const result = await readable(this, dir, () => verifyFolder(dir));
      const write = this.configureOutput().writeOut ?? print;
      write(choice.json === true ? `${JSON.stringify(result, null, 2)}\n` : verificationText(dir, result));
      if (!result.ok) Deno.exitCode = ExitCode.Failed;
    });
}

function tailCommand(): Command {
  return withFolderOptions(new Command("tail"))
    .description("show the newest records, oldest first")
    .option("--limit <number>", "records shown", wholeNumber(1, MOST_RECORDS), 50)
    .option("--event <name>", "only records of this event, as operation or web_auth_failed")
    .option("--json", "print each record as it stands in the file, one a line")
    .action(async function (choice: TailChoice) {
      const dir = await folderOf(this, choice);
      const records = await readable(this, dir, () => readTail(dir, { limit: choice.limit, event: choice.event }));
      const line = choice.json === true ? (record: AuditRecord) => JSON.stringify(record) : recordText;
      (this.configureOutput().writeOut ?? print)(records.map((record) => `${line(record)}\n`).join(""));
    });
}

function withFolderOptions(command: Command): Command {
  return withConfigOptions(command).addOption(
    new Option("--dir <folder>", "folder with the audit's files (else audit in the configuration's data_dir)")
      .conflicts(["config", "project"]),
  );
}

async function folderOf(command: Command, { dir, config, project }: FolderChoice): Promise<string> {
  if (dir !== undefined) return dir;
  const result = await loadConfigHere({ path: config, project });
  if (!result.ok) command.error(findingsText(result), { exitCode: ExitCode.ConfigRefused });
  return join(result.config.gateway.data_dir, "audit");
}

async function readable<T>(command: Command, dir: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return command.error(`Cannot read the audit in ${visible(dir)}: ${visible(reason)}`, {
      exitCode: ExitCode.LocalResource,
    });
  }
}

function verificationText(dir: string, { ok, records, files, first, last, problem }: AuditVerification): string {
  if (problem !== null) {
    const place = `${visible(join(dir, problem.file))}:${problem.line}`;
    return `The audit is broken at ${place}\n  ${visible(problem.text)}\n  ${records} records before it fit\n`;
  }
  if (ok && records === 0) return `The audit in ${visible(dir)} holds no record\n`;
  return `The audit is sound: ${records} records, ${first} to ${last}, in ${files} ${
    files === 1 ? "file" : "files"
  } of ${visible(dir)}\n`;
}
