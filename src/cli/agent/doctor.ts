import { Command } from "commander";
import { runDoctor, systemdUnitFolders } from "../../agent/doctor/run_doctor.ts";
import type { DoctorFinding } from "../../agent/doctor/doctor_finding.ts";
import { AgentFileError } from "../../agent/files/agent_file_error.ts";
import { AgentFolder } from "../../agent/files/agent_folder.ts";
import { KeyRing } from "../../agent/follow/key_ring.ts";
import { HubClock } from "../../agent/hub_client/hub_clock.ts";
import type { HubClient } from "../../agent/hub_client/hub_client.ts";
import { runProgram } from "../../agent/network/run_program.ts";
import type { AgentStatus } from "../../agent/run/agent_status.ts";
import type { AgentConfig } from "../../config/schema.ts";
import { type ConfigChoice, withConfigOptions } from "../config_or_exit.ts";
import { ExitCode } from "../exit_code.ts";
import { print, printError } from "../print.ts";
import { visible } from "../visible.ts";
import { agentSettings } from "./agent_config.ts";
import { AgentAnswerError, askAgent } from "./ask_agent.ts";
import { hubClientOf } from "./hub_client_of.ts";

interface DoctorChoice extends ConfigChoice {
  readonly json?: boolean;
}

const marks = { error: "WRONG", warning: "CARE", note: "note", ok: "ok" } as const;

/** `edgekeep agent doctor` */
export function doctorCommand(): Command {
  return withConfigOptions(new Command("doctor"))
    .description("look at everything that an agent needs, and say what to do: clock, hub, UDP, WireGuard, firewall")
    .option("--json", "print the findings as JSON")
    .addHelpText(
      "after",
      "\nEnds with 0 when nothing is wrong, with 1 else. Works before the join and without a running agent, too.",
    )
    .action(async (choice: DoctorChoice) => {
      Deno.exitCode = await examine(choice);
    });
}

async function examine(choice: DoctorChoice): Promise<number> {
  const settings = await agentSettings(choice);
  if (settings === null) return ExitCode.ConfigRefused;
  const findings = await findingsOf(settings.agent);
  print(choice.json === true ? `${JSON.stringify(findings, null, 2)}\n` : doctorText(findings));
  return findings.some(({ severity }) => severity === "error") ? ExitCode.Failed : ExitCode.Ok;
}

async function findingsOf(config: AgentConfig): Promise<DoctorFinding[]> {
  const folder = await orNull(() => AgentFolder.open(config.dir));
  const keys = await orNull(async () => await folder?.keys() ?? null);
  const trust = await orNull(async () => await folder?.trust.read() ?? null);
  const position = await orNull(async () => await folder?.position.read() ?? null);
  const state = await orNull(async () => await folder?.state.read() ?? null);
  const agent = await askAgent(config.dir, "status", {}, 5_000).then(
    (status) => status as AgentStatus,
    (error) => {
      if (!(error instanceof AgentAnswerError)) throw error;
      return null;
    },
  );
  const clock = new HubClock();
  let client: HubClient | null = null;
  if (keys !== null && trust !== null) {
    // looks only: what it learns of the hub's keys is the agent's to store
    client = hubClientOf(keys, new KeyRing({ trust, save: () => Promise.resolve() }), clock);
  }
  const { signal } = new AbortController();
  try {
    return await runDoctor({
      interface: config.interface,
      listenPort: config.listen_port,
      backend: config.backend,
      dir: config.dir,
      meshCidr: trust?.mesh_cidr ?? null,
      peerIps: state?.state.peers.map(({ mesh_ip }) => mesh_ip) ?? [],
      observers: state?.state.observers.map(({ address }) => address) ?? [],
      timeFloorUs: position?.time_floor_us ?? null,
      hubTimeUs: client === null ? null : async () => {
        await client.time();
        return clock.nowUs() ?? 0;
      },
      agent: agent === null ? null : { nat: agent.nat, heldDown: agent.tunnel.heldDown, backend: agent.tunnel.backend },
      unitFolders: systemdUnitFolders,
      nowUs: () => Date.now() * 1000,
      run: runProgram,
      signal,
    });
  } finally {
    client?.stop();
  }
}

/** A file that cannot be used is told of once, and the rest is looked at without it. */
async function orNull<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof AgentFileError)) throw error;
    printError(`${visible(error.message)}\n`);
    return null;
  }
}

/** Findings for people, the worst first. */
function doctorText(findings: readonly DoctorFinding[]): string {
  return findings.map(({ code, severity, detail, remedy }) =>
    `${marks[severity].padEnd(6)} ${code.padEnd(18)} ${visible(detail)}\n` +
    (remedy === undefined ? "" : `${" ".repeat(26)}do: ${visible(remedy)}\n`)
  ).join("");
}
