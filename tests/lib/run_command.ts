import { type Command, CommanderError } from "commander";

/** What a command did. */
export interface CommandOutcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command as the program would, with its output and exit code caught, those of its subcommands too. */
export async function runCommand(command: Command, ...args: string[]): Promise<CommandOutcome> {
  let out = "";
  let err = "";
  const prepare = (one: Command) => {
    one.exitOverride().configureOutput({ writeOut: (text) => out += text, writeErr: (text) => err += text });
    one.commands.forEach(prepare);
  };
  prepare(command);
  const before = Deno.exitCode;
  Deno.exitCode = 0;
  try {
    await command.parseAsync(args, { from: "user" });
    return { code: Deno.exitCode, out, err };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { code: error.exitCode, out, err };
  } finally {
    Deno.exitCode = before;
  }
}
