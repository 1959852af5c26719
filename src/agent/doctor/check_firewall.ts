import { complaintOf } from "../network/complaint_of.ts";
import { ProgramError } from "../network/run_program.ts";
import { tableName } from "../firewall/firewall_text.ts";
import type { DoctorFinding } from "./doctor_finding.ts";
import type { DoctorParts } from "./doctor_parts.ts";
import { type BlockingChain, blockingChains } from "./blocking_chains.ts";

/** nftables itself, the agent's own table, and what other tables do to the mesh. */
export async function checkFirewall(parts: DoctorParts): Promise<DoctorFinding[]> {
  const { run, signal, agent, listenPort } = parts;
  let listed;
  try {
    listed = await run("nft", ["-j", "list", "ruleset"], { signal });
  } catch (error) {
    if (!(error instanceof ProgramError && error.code === "missing")) throw error;
    return [{
      code: "nftables",
      severity: "error",
      detail: `${error.message}; without it the tunnel is held down`,
      remedy: "apt install nftables",
    }];
  }
  if (listed.code !== 0) {
    return [{
      code: "nftables",
      severity: /not permitted/.test(listed.stderr) ? "note" : "error",
      detail: `nft cannot be used: ${complaintOf(listed.stderr)}`,
      remedy: "Run this as root; the kernel needs nf_tables",
    }];
  }
  const ours = tableName(parts.interface);
  const { tables, chains } = blockingChains(listed.stdout, { ours, interface: parts.interface, listenPort });
  const findings: DoctorFinding[] = [{ code: "nftables", severity: "ok", detail: "nftables works" }];
  if (agent !== null) findings.push(ownTable(tables.includes(`inet ${ours}`), agent.heldDown, ours));
  if (chains.length === 0) {
    findings.push({ code: "other_firewall", severity: "ok", detail: "No other table drops what belongs to the mesh" });
  }
  return [...findings, ...chains.map((chain) => otherTable(chain, parts))];
}

function ownTable(present: boolean, heldDown: "no_firewall" | "offline" | null, name: string): DoctorFinding {
  if (heldDown === "no_firewall") {
    return {
      code: "firewall",
      severity: "error",
      detail: `The table inet ${name} cannot be put in force, so the tunnel is held down`,
      remedy: "Read the fault mesh_firewall_failed in 'edgekeep agent status': it says what nft complains of",
    };
  }
  return present ? { code: "firewall", severity: "ok", detail: `The table inet ${name} is in force` } : {
    code: "firewall",
    severity: "warning",
    detail: `The table inet ${name} is not there at this moment`,
    remedy: "The agent puts it back within 10 s. When this stays, something flushes it: see mesh_firewall_changed",
  };
}

function otherTable({ table, chain, hook, manager, tunnel, port }: BlockingChain, parts: DoctorParts): DoctorFinding {
  const what = [
    ...tunnel ? [`what comes out of ${parts.interface}`] : [],
    ...port ? [`UDP to port ${parts.listenPort}, so that peers reach this node only when it begins`] : [],
  ].join(", and ");
  const incoming = hook === "input";
  return {
    code: "other_firewall",
    severity: tunnel ? "warning" : "note",
    detail: incoming
      ? `The chain ${chain} of the table ${table} drops ${what}. An accept of the mesh's own table does not override it`
      : `The chain ${chain} of the table ${table} drops what this machine sends into ${parts.interface}`,
    remedy: remedies[manager](parts.interface, parts.listenPort, incoming),
  };
}

const remedies = {
  ufw: (name: string, port: number, incoming: boolean) =>
    incoming ? `ufw allow in on ${name}; ufw allow ${port}/udp` : `ufw allow out on ${name}`,
  firewalld: (name: string, port: number) =>
    `firewall-cmd --permanent --zone=trusted --add-interface=${name}; firewall-cmd --permanent --add-port=${port}/udp; ` +
    "firewall-cmd --reload",
  none: (name: string, port: number, incoming: boolean) =>
    incoming
      ? `Add to that chain, before it drops: iifname "${name}" accept; udp dport ${port} accept`
      : `Add to that chain, before it drops: oifname "${name}" accept`,
} as const;
