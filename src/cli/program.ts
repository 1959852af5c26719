import { Command, CommanderError } from "commander";
import { version } from "../version.ts";
import type { CliContext } from "./context.ts";
import { ExitCode } from "./exit_code.ts";
import { print, printError } from "./print.ts";

/** A command of the program; its module is loaded only when it is called. */
interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: (context: CliContext) => Promise<Command>;
}

const commands: readonly CommandEntry[] = [
  {
    name: "run",
    summary: "run the gateway",
    load: async (context) => (await import("./run.ts")).runCommand(context),
  },
  {
    name: "hub",
    summary: "run the hub of a mesh, and tell it what to do",
    load: async (context) => (await import("./hub.ts")).hubCommand(context),
  },
  {
    name: "demo",
    summary: "run a gateway on a simulated field, to try it",
    load: async (context) => (await import("./demo.ts")).demoCommand(context),
  },
  {
    name: "init",
    summary: "write a configuration to start with",
    load: async () => (await import("./init.ts")).initCommand(),
  },
  {
    name: "validate",
    summary: "check a configuration",
    load: async () => (await import("./validate.ts")).validateCommand(),
  },
  {
    name: "explain",
    summary: "say whether somebody may do something, and why",
    load: async () => (await import("./explain.ts")).explainCommand(),
  },
  {
    name: "pki",
    summary: "make, renew and show certificates",
    load: async (context) => (await import("./pki.ts")).pkiCommand(context),
  },
  {
    name: "audit",
    summary: "check and show the record of who did what",
    load: async () => (await import("./audit.ts")).auditCommand(),
  },
  {
    name: "user",
    summary: "add, list, change and remove users",
    load: async () => (await import("./user.ts")).userCommand(),
  },
  {
    name: "token",
    summary: "make, list, renew and revoke API tokens",
    load: async () => (await import("./token.ts")).tokenCommand(),
  },
  {
    name: "pair",
    summary: "let a phone or a panel in by a code",
    load: async () => (await import("./pair.ts")).pairCommand(),
  },
  {
    name: "ctl",
    summary: "ask a running gateway, or tell it what to do",
    load: async () => (await import("./ctl.ts")).ctlCommand(),
  },
  {
    name: "ui",
    summary: "watch a running gateway in the terminal",
    load: async () => (await import("./ui.ts")).uiCommand(),
  },
  {
    name: "agent",
    summary: "make this machine a node of a mesh, run its tunnels",
    load: async (context) => (await import("./agent.ts")).agentCommand(context),
  },
  {
    name: "permissions",
    summary: "show what the sandbox of a role allows",
    load: async (context) => (await import("./permissions.ts")).permissionsCommand(context),
  },
  {
    name: "simulator",
    summary: "run a ChirpStack look-alike with simulated devices",
    load: async (context) => (await import("./simulator.ts")).simulatorCommand(context),
  },
  {
    name: "systemd",
    summary: "print a systemd unit",
    load: async () => (await import("./systemd.ts")).systemdCommand(),
  },
  {
    name: "version",
    summary: "print version and runtime",
    load: async () => (await import("./version.ts")).versionCommand(),
  },
];

const examples = `
Examples:
  edgekeep demo                                        try it with a simulated field
  edgekeep init /etc/edgekeep                          write a configuration, then edit it
  edgekeep validate --config /etc/edgekeep/edgekeep.toml
  edgekeep run --config /etc/edgekeep/edgekeep.toml

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 configuration refused, 4 denied, 5 peer unreachable,
6 a port, file or key of this machine cannot be used.`;

/** Runs the command line `words` (without the program's name) and gives the exit code of the process. */
export async function runProgram(words: readonly string[], context: CliContext): Promise<number> {
  const program = new Command("edgekeep")
    .description("LoRaWAN field data for SCADA: ChirpStack in, history in SQLite, OPC UA and a web page out.")
    .version(`edgekeep ${version}`, "-V, --version", "print the version")
    .helpCommand("help [command]", "show the help of a command")
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", examples)
    .configureOutput({
      writeOut: print,
      writeErr: printError,
      // only what is wrong with the command line is answered by its help
      outputError: (text, write) => write(text.startsWith("error: ") ? `${text.trimEnd()}\nTry --help.\n` : text),
    })
    .exitOverride();
  const wanted = words.filter((word) => !word.startsWith("-")).slice(0, words[0] === "help" ? 2 : 1);
  for (const { name, summary, load } of commands) {
    const command = wanted.includes(name) ? await load(context) : new Command(name);
    program.addCommand(command.summary(summary));
    inherit(command, program);
  }
  if (words.length === 0) {
    program.outputHelp({ error: true });
    return ExitCode.Usage;
  }
  try {
    await program.parseAsync(words, { from: "user" });
    return Deno.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // commander uses 1 for its own complaints about the command line; `error(…, { exitCode })` keeps its code
    return error.exitCode === 1 && error.code.startsWith("commander.") ? ExitCode.Usage : error.exitCode;
  }
}

/** addCommand, unlike command(), passes nothing on. */
function inherit(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inherit(child, command);
}
