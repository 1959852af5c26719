import { Command, Option } from "commander";
import { agentSchema } from "../config/mesh_schema.ts";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import { presentPrograms } from "../supervisor/agent_programs.ts";
import { bakedFlags } from "../supervisor/baked_flags.ts";
import {
  agentGrants,
  ANYWHERE,
  configuredGrants,
  denoFlags,
  type Grant,
  permissionsOf,
} from "../supervisor/permissions.ts";
import { type ConfigChoice, configOrReport, withConfigOptions } from "./config_or_exit.ts";
import type { CliContext } from "./context.ts";
import { ExitCode } from "./exit_code.ts";
import { print } from "./print.ts";

const titles: Readonly<Record<Grant["kind"], string>> = {
  net: "Network: listen on or connect to",
  read: "Files: read",
  write: "Files: write",
  env: "Environment: read",
  sys: "System: ask for",
  run: "Programs: run",
};

/** `edgekeep permissions`: what the worker of a role may touch with this configuration, and why. */
export function permissionsCommand(context: CliContext): Command {
  return withConfigOptions(new Command("permissions"))
    .description(
      "show what a role may touch with this configuration: everything else is refused by the sandbox it runs in",
    )
    .addOption(
      new Option("--role <role>", "gateway, hub or agent; unless told, the hub where the file has [hub]").choices([
        "gateway",
        "hub",
        "agent",
      ]),
    )
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  edgekeep permissions --config edgekeep.toml\n  edgekeep permissions --json | jq .permissions.net",
    )
    .action(async (options: ConfigChoice & { readonly json?: boolean; readonly role?: ConfiguredRole | "agent" }) => {
      const loaded = await configOrReport(options, false, options.role === "agent" ? "gateway" : options.role);
      if (loaded === null) {
        Deno.exitCode = ExitCode.ConfigRefused;
        return;
      }
      const role = options.role ?? loaded.role;
      const grants = role === "agent"
        ? agentGrants(loaded.config.agent ?? agentSchema.parse({}), {
          ...context,
          hub: null,
          meshCidr: null,
          programs: presentPrograms(),
        })
        : configuredGrants(role, loaded.config, context);
      print(options.json === true ? permissionsJson(grants) : permissionsText(grants, role, loaded.file));
    });
}

/** The grants for people: by kind, each with its reason, then as flags. */
export function permissionsText(grants: readonly Grant[], role: string, file: string): string {
  const width = Math.max(...grants.map(({ value }) => value.length));
  const groups = Object.entries(titles).flatMap(([kind, title]) => {
    const lines = grants.filter((grant) => grant.kind === kind).map(({ value, why }) =>
      `  ${(kind === "net" && value === ANYWHERE ? "any address" : value).padEnd(width)}  ${why}`
    );
    return lines.length === 0 ? [] : [`${title}\n${lines.join("\n")}\n`];
  });
  const programs = grants.some(({ kind }) => kind === "run") ? "Other programs" : "Running programs";
  return `With ${file} the ${role} may touch this and nothing else.

${groups.join("\n")}
${programs}, native libraries, importing code: refused.

As flags of deno run:
  ${denoFlags(grants).join(" \\\n  ")}

The process around it has, as the outer limit:
  ${bakedFlags.filter((flag) => flag.startsWith("--allow")).join(" ")}
`;
}

function permissionsJson(grants: readonly Grant[]): string {
  return `${JSON.stringify({ permissions: permissionsOf(grants), grants, flags: denoFlags(grants) }, null, 2)}\n`;
}
