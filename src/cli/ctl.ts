import { Command } from "commander";
import type { ControlClient } from "../control/control_client.ts";
import { isOperation, operations } from "../policy/operations.ts";
import { ExitCode } from "./exit_code.ts";
import { print, printError } from "./print.ts";
import { askHidden, canAsk } from "./terminal/ask_hidden.ts";
import { ParameterError, parametersOf, readParameters } from "./terminal/call_params.ts";
import { type ReachChoice, reportFailure, withGateway, withReachOptions } from "./terminal/reach.ts";
import { itemText, resultText } from "./terminal/result_text.ts";

interface CtlChoice extends ReachChoice {
  readonly json?: boolean;
  readonly dryRun?: boolean;
}

/** Operations that `--dry-run` turns into a question. */
const dryRuns: Readonly<Record<string, string>> = { "config.set": "config.diff", "config.apply": "config.diff" };

/** `edgekeep ctl`: calls one operation of a running gateway and prints its result. */
export function ctlCommand(): Command {
  return withReachOptions(new Command("ctl"))
    .description("ask a running gateway, or tell it what to do")
    .argument("[operation]", "what to do; `edgekeep ctl help OPERATION` shows its parameters")
    .argument("[parameters...]", "key=value, key:=JSON, or key=@file")
    .option("--json", "print the result as JSON; a stream as one object a line")
    .option("--dry-run", "config.set and config.apply: only show what would change")
    .addHelpText("after", () => `\n${operationsText()}${examples}`)
    .action(async function (operation: string | undefined, words: readonly string[], choice: CtlChoice) {
      if (operation === undefined) this.error("Name an operation. Try --help.", { exitCode: ExitCode.Usage });
      Deno.exitCode = operation === "help" ? describe(words[0]) : await callOperation(operation, words, choice);
    });
}

const examples = `
Examples:
  edgekeep ctl status
  edgekeep ctl tags.list 'pattern=a84041*' --json
  edgekeep ctl events.tail follow=true
  edgekeep ctl config.set runtime.web.listen=192.168.10.5:8080 --dry-run
  edgekeep ctl users.add name=ann role=operator
  edgekeep ctl status --endpoint tcp://192.168.10.5:17777 --token-file token --fingerprint AB:CD:…

What is refused ends with exit code 4, a gateway that cannot be reached with 5, a wrong parameter with 2.`;

async function callOperation(operation: string, words: readonly string[], choice: CtlChoice): Promise<number> {
  const name = choice.dryRun === true ? dryRuns[operation] : operation;
  if (name === undefined) {
    printError(`--dry-run is for ${Object.keys(dryRuns).join(" and ")}\n`);
    return ExitCode.Usage;
  }
  try {
    const params = await readParameters(name, words, readText);
    await askSecrets(name, params);
    const stream = isOperation(name) && operations[name].stream;
    return await withGateway(
      choice,
      (client) => stream ? printStream(client, name, params, choice) : printResult(client, name, params, choice),
    );
  } catch (error) {
    if (!(error instanceof ParameterError)) return reportFailure(error);
    printError(`${error.message}\n${parameterHint(name)}`);
    return ExitCode.Usage;
  }
}

async function printResult(
  client: ControlClient,
  name: string,
  params: unknown,
  { json }: CtlChoice,
): Promise<number> {
  const result = await client.call(name, params);
  print(json === true ? `${JSON.stringify(result, null, 2)}\n` : resultText(result, terminalColumns()));
  return verdictOf(name, result);
}

function terminalColumns(): number | undefined {
  return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : undefined;
}

/** Prints items as they come, until the stream ends or Ctrl-C. */
async function printStream(
  client: ControlClient,
  name: string,
  params: unknown,
  { json }: CtlChoice,
): Promise<number> {
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  Deno.addSignalListener("SIGINT", onSignal);
  Deno.addSignalListener("SIGTERM", onSignal);
  try {
    for await (const item of client.stream(name, params, stop.signal)) {
      print(json === true ? `${JSON.stringify(item)}\n` : itemText(item));
    }
    return ExitCode.Ok;
  } finally {
    Deno.removeSignalListener("SIGINT", onSignal);
    Deno.removeSignalListener("SIGTERM", onSignal);
  }
}

/** An answer can say that it came to nothing. */
function verdictOf(name: string, result: unknown): number {
  const { ok, applied, reason } = (result ?? {}) as { ok?: unknown; applied?: unknown; reason?: unknown };
  if (applied === false) return reason === "validation" ? ExitCode.ConfigRefused : ExitCode.Failed;
  if (ok !== false) return ExitCode.Ok;
  return name === "config.diff" ? ExitCode.ConfigRefused : ExitCode.Failed;
}

/** Secrets do not belong on a command line: whoever sits at a terminal is asked for those that are missing. */
async function askSecrets(name: string, params: Record<string, unknown>): Promise<void> {
  if (!canAsk()) return;
  for (const { name: key, secret, required } of parametersOf(name) ?? []) {
    if (!secret || !required || Object.hasOwn(params, key)) continue;
    const typed = await askHidden(`${key}: `);
    if (typed === null) throw new ParameterError(`'${key}' was not given`);
    params[key] = typed;
  }
}

async function readText(path: string): Promise<string> {
  if (path !== "-") return await Deno.readTextFile(path);
  return await new Response(Deno.stdin.readable).text();
}

function describe(operation: string | undefined): number {
  if (operation === undefined) {
    print(operationsText());
    return ExitCode.Ok;
  }
  if (!isOperation(operation)) {
    printError(`'${operation}' is no operation. Try: edgekeep ctl help\n`);
    return ExitCode.Usage;
  }
  const { summary, role, debug } = operations[operation];
  const needs = role === null ? "Anybody may call it." : `Needs the role ${role}.`;
  print(`${operation}: ${summary}.\n${needs}${debug ? " Closed in production until debugging is unlocked." : ""}\n`);
  print(parameterHint(operation));
  return ExitCode.Ok;
}

function parameterHint(operation: string): string {
  const parameters = parametersOf(operation) ?? [];
  if (parameters.length === 0) return "";
  const width = Math.max(...parameters.map(({ name, form }) => name.length + form.length)) + 1;
  const lines = parameters.map(({ name, form, required, description }) =>
    `  ${`${name}=${form}`.padEnd(width)}  ${required ? "required" : "optional"}${
      description === "" ? "" : `; ${description}`
    }`
  );
  return `Parameters of ${operation}:\n${lines.join("\n")}\n`;
}

function operationsText(): string {
  const all = Object.entries(operations);
  const width = Math.max(...all.map(([name]) => name.length));
  const lines = all.map(([name, { role, summary, debug, stream }]) => {
    const marks = [debug ? "debug" : "", stream ? "stream" : ""].filter((mark) => mark !== "").join(", ");
    return `  ${name.padEnd(width)}  ${(role ?? "anybody").padEnd(8)}  ${summary}${marks === "" ? "" : ` (${marks})`}`;
  });
  return `Operations, and the least role that may call them:\n${lines.join("\n")}\n`;
}
