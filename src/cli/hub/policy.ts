import { Command } from "commander";
import type { HubRule } from "../../mesh/hub_admin.ts";
import type { ResultOf } from "../../operations/schemas/operation_schemas.ts";
import { type Call, type DoorChoice, throughDoor, withDoorOptions } from "../access_door.ts";
import { ExitCode } from "../exit_code.ts";
import { visible } from "../visible.ts";
import { PolicyFileError, readPolicyFile, writePolicyFile } from "./policy_file.ts";

type Plan = ResultOf<"hub.policy.plan">;
type Policy = ResultOf<"hub.policy">;
type Nodes = ResultOf<"hub.nodes">["nodes"];

const online = { online: true } as const;
const FILE = "TOML or JSON; - is standard input";

/** `edgekeep hub policy`: who may reach which ports of whom. */
export function hubPolicyCommand(): Command {
  return new Command("policy")
    .summary("show, try out, set and explain the policy")
    .description("who may reach which ports of whom; the hub must run")
    .addCommand(showCommand())
    .addCommand(planCommand())
    .addCommand(setCommand())
    .addCommand(explainCommand())
    .addHelpText(
      "after",
      `
A file holds a [[rule]] for each thing that is allowed; all else is denied:
  [[rule]]
  id = "scada"
  from = ["group:scada"]
  to = ["group:plc"]
  protocol = "tcp"
  ports = [4840, "8000-8010"]

Examples:
  edgekeep hub policy show > policy.toml
  edgekeep hub policy plan policy.toml
  edgekeep hub policy set policy.toml
  edgekeep hub policy explain scada-1 pump-house tcp/4840`,
    );
}

function showCommand(): Command {
  return withDoorOptions(new Command("show"))
    .description("show the policy as a file that plan and set take")
    .action(async function (choice: DoorChoice) {
      await throughDoor(this, choice, (call) => call("hub.policy") as Promise<Policy>, writePolicyFile, online);
    });
}

function planCommand(): Command {
  return withDoorOptions(new Command("plan"))
    .description("show what a policy would open and close; changes nothing")
    .argument("<file>", FILE)
    .action(async function (path: string, choice: DoorChoice) {
      const { rules } = await policyOrEnd(this, path);
      await throughDoor(
        this,
        choice,
        async (call) => {
          const planned = await plan(call, rules);
          if (!planned.plan.ok) Deno.exitCode = ExitCode.ConfigRefused;
          return { ...planned.plan, names: Object.fromEntries(planned.names) };
        },
        ({ names, ...plan }) => planText(plan, new Map(Object.entries(names))),
        online,
      );
    });
}

function setCommand(): Command {
  return withDoorOptions(new Command("set"))
    .description("put a policy in force; refused when it was changed since the version that the file names")
    .argument("<file>", FILE)
    .action(async function (path: string, choice: DoorChoice) {
      const { rules, version } = await policyOrEnd(this, path);
      await throughDoor(this, choice, async (call) => {
        const { plan: planned, names } = await plan(call, rules);
        const from = version ?? (await call("hub.policy") as Policy).version;
        const set = planned.ok ? await call("hub.policy.set", { rules, version: from }) as Policy : null;
        if (set === null) Deno.exitCode = ExitCode.ConfigRefused;
        return { set: set !== null, version: set?.version ?? from, plan: planned, names: Object.fromEntries(names) };
      }, ({ set, version, plan, names }) => {
        const text = planText(plan, new Map(Object.entries(names)));
        return set ? `${text}\nIn force: version ${version}\n` : `${text}\nNothing was changed.\n`;
      }, online);
    });
}

function explainCommand(): Command {
  return withDoorOptions(new Command("explain"))
    .description("say whether a node may reach a port of another one, and by which rule")
    .argument("<from>", "name or id of the node that asks")
    .argument("<to>", "name or id of the node that is asked")
    .argument("[port]", "as 4840 (TCP), tcp/4840, udp/53 or icmp; without it everything that is allowed")
    .action(async function (from: string, to: string, port: string | undefined, choice: DoorChoice) {
      const wanted = port === undefined ? null : portOf(port);
      if (wanted === undefined) {
        this.error(`Cannot look for '${port}': it must be PORT, tcp/PORT, udp/PORT or icmp`, {
          exitCode: ExitCode.Usage,
        });
      }
      await throughDoor(
        this,
        choice,
        async (call) => {
          const [a, b] = await Promise.all([from, to].map((node) => call("hub.node", { node }))) as [
            Nodes[0],
            Nodes[0],
          ];
          const { rules } = await call("hub.policy") as Policy;
          const effective = (await plan(call, rules)).plan.nodes.find(({ nodeId }) => nodeId === b.nodeId)?.rules ?? [];
          const allowing = effective.filter(({ src, protocol, ports }) =>
            (src.includes("*") || src.includes(a.nodeId)) && (wanted === null || (protocol === wanted.protocol &&
              (protocol === "icmp" || ports.some(([low, high]) => low <= wanted.port && wanted.port <= high))))
          );
          if (allowing.length === 0) Deno.exitCode = ExitCode.Denied;
          return { from: a.name, to: b.name, allowed: allowing.length > 0, rules: allowing };
        },
        ({ from, to, allowed, rules }) => {
          const what = port === undefined ? "anything" : port;
          if (!allowed) return `${visible(from)} may not reach ${what} of ${visible(to)}: no rule allows it\n`;
          const lines = rules.map(({ id, protocol, ports }) => `  ${visible(id)}: ${portsText(protocol, ports)}\n`);
          return `${visible(from)} may reach ${visible(to)} by\n${lines.join("")}`;
        },
        online,
      );
    });
}

/** The file's policy; ends the command when it holds none. */
async function policyOrEnd(command: Command, path: string): Promise<ReturnType<typeof readPolicyFile>> {
  try {
    const text = path === "-" ? await new Response(Deno.stdin.readable).text() : await Deno.readTextFile(path);
    return readPolicyFile(text);
  } catch (error) {
    const exitCode = error instanceof PolicyFileError ? ExitCode.ConfigRefused : ExitCode.LocalResource;
    const reason = error instanceof Error ? error.message : String(error);
    command.error(`Cannot use ${path === "-" ? "standard input" : path}: ${reason}`, { exitCode });
  }
}

async function plan(call: Call, rules: readonly HubRule[]): Promise<{ plan: Plan; names: Map<string, string> }> {
  const plan = await call("hub.policy.plan", { rules }) as Plan;
  const { nodes } = await call("hub.nodes") as { nodes: Nodes };
  return { plan, names: new Map(nodes.map(({ nodeId, name }) => [nodeId, name])) };
}

function planText({ findings, changes, moreChanges }: Plan, names: ReadonlyMap<string, string>): string {
  const name = (id: string) => visible(names.get(id) ?? id);
  const found = findings.map(({ severity, rule, text }) => `${severity}: ${visible(rule)}: ${visible(text)}\n`);
  const changed = changes.map(({ from, to, opened, closed }) => {
    const signs = [...opened.map((one) => `+${one}`), ...closed.map((one) => `-${one}`)];
    return `  ${name(from)} → ${name(to)}  ${signs.join(" ")}\n`;
  });
  const more = moreChanges > 0 ? `  and ${moreChanges} more pairs\n` : "";
  const body = changed.length === 0
    ? "It opens and closes nothing.\n"
    : `It opens (+) and closes (-):\n${changed.join("")}`;
  return `${found.join("")}${found.length > 0 ? "\n" : ""}${body}${more}`;
}

/** `undefined` for what is none. */
function portOf(text: string): { readonly protocol: string; readonly port: number } | undefined {
  if (text === "icmp") return { protocol: "icmp", port: 0 };
  const found = /^(?:(tcp|udp)\/)?(\d{1,5})$/.exec(text);
  const port = Number(found?.[2]);
  return found === null || port < 1 || port > 65_535 ? undefined : { protocol: found[1] ?? "tcp", port };
}

function portsText(protocol: string, ports: readonly (readonly [number, number])[]): string {
  if (protocol === "icmp") return "icmp";
  return ports.map(([low, high]) => `${protocol}/${low === high ? low : `${low}-${high}`}`).join(" ");
}
