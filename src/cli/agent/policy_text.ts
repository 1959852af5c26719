import type { PolicyAnswer } from "../../agent/firewall/explain_policy.ts";
import { columns } from "../access_door.ts";
import { visible } from "../visible.ts";

/** What the agent answers about its policy. */
export interface ShownPolicy extends PolicyAnswer {
  readonly counters: {
    readonly rules: Readonly<Record<string, { readonly packets: number; readonly bytes: number }>>;
    readonly drops: Readonly<Record<string, { readonly packets: number; readonly bytes: number }>>;
  };
}

/** Who may reach what, for people. */
export function policyText({ grants, denied, notes, counters }: ShownPolicy): string {
  const rows = grants.map(({ peer, protocol, ports, rule }) => [
    peer.name,
    peer.mesh_ip,
    protocol === "icmp"
      ? "ping"
      : `${protocol} ${ports.map(([low, high]) => low === high ? low : `${low}-${high}`).join(", ")}`,
    rule,
    String(counters.rules[rule]?.packets ?? 0),
  ]);
  const parts = [
    rows.length === 0 ? "No peer may reach anything of this here\n" : columns(
      ["PEER", "ADDRESS", "MAY REACH", "RULE", "PACKETS OF THE RULE"],
      rows,
    ),
  ];
  if (denied.length > 0) parts.push(`\nDenied: ${denied.map(({ name }) => visible(name)).join(", ")}\n`);
  for (const note of notes) parts.push(`\nNote: ${visible(note)}\n`);
  const drops = Object.entries(counters.drops).filter(([, { packets }]) => packets > 0);
  if (drops.length > 0) {
    parts.push(`\nDropped so far: ${drops.map(([kind, { packets }]) => `${packets} ${kind}`).join(", ")}\n`);
  }
  return parts.join("");
}
