import { Command } from "commander";
import { version } from "../version.ts";
import { print } from "./print.ts";

/** `edgekeep version`: this program's version and that of the runtime inside. */
export function versionCommand(): Command {
  return new Command("version")
    .description("print the version of this program and of the runtime that it contains")
    .option("--json", "print it as JSON")
    .action(({ json }: { json?: boolean }) => {
      const facts = {
        name: "edgekeep",
        version,
        deno: Deno.version.deno,
        v8: Deno.version.v8,
        target: Deno.build.target,
      };
      const text = `edgekeep ${facts.version} (deno ${facts.deno}, v8 ${facts.v8}, ${facts.target})`;
      print(`${json === true ? JSON.stringify(facts) : text}\n`);
    });
}
