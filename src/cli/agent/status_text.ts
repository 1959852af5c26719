import type { AgentStatus } from "../../agent/run/agent_status.ts";
import { visible } from "../visible.ts";
import { ageText } from "./age_text.ts";

const natTexts = {
  unknown: "not known yet",
  none: "none: reached directly",
  cone: "cone: peers come through directly",
  symmetric: "symmetric: peers behind such a router need the relay",
} as const;

/** An agent's status for people. @param nowUs µs UTC */
export function statusText(status: AgentStatus, nowUs: number): string {
  const { hub, tunnel, nat, peers, faults } = status;
  const { following } = hub;
  const heard = following.lastHeardMs === null
    ? "not heard since the start"
    : `heard ${ageText(following.lastHeardMs)} ago`;
  const lines: [string, string][] = [
    ["Node", `${status.nodeId}  (${status.fingerprint})`],
    ["Address", `${status.meshIp} in ${status.meshCidr}`],
    ["Hub", `${hub.url}: ${following.connected ? "followed" : "not followed"}, ${heard}`],
    ["Hub key", hub.keySha256],
    ["Position", `epoch ${status.position.epoch}, event ${status.position.sequence}, key ${hub.keyIndex} of the hub`],
    [
      "Tunnel",
      `${tunnel.interface}, ${tunnel.backend ?? "being opened"}, UDP ${tunnel.listenPort}, key ${tunnel.generation}` +
      (tunnel.rotating ? ", being replaced" : ""),
    ],
    ["NAT", `${natTexts[nat.kind]}${nat.addresses.length === 0 ? "" : ` (${nat.addresses.join(", ")})`}`],
    ["Peers", `${peers.up} of ${peers.all} up, ${peers.relayed} relayed, ${peers.refused} refused`],
    ["Running", `${status.version}, for ${ageText((nowUs - status.startedUs) / 1000)}`],
  ];
  if (status.clockAheadMs !== null && Math.abs(status.clockAheadMs) > 60_000) {
    const way = status.clockAheadMs > 0 ? "ahead of" : "behind";
    lines.push(["Clock", `${ageText(Math.abs(status.clockAheadMs))} ${way} the hub's`]);
  }
  const text = lines.map(([name, value]) => `${`${name}:`.padEnd(10)}${visible(value)}\n`).join("");
  const trouble = [
    ...tunnel.heldDown === null ? [] : [heldText(tunnel.heldDown)],
    ...following.problem === null ? [] : [`The hub is not followed: ${following.problem.text}`],
    ...faults.map(({ title, detail, remedy }) => `${title}: ${detail}\n  do: ${remedy}`),
  ];
  return trouble.length === 0 ? text : `${text}\n${trouble.map((line) => `${visibleLines(line)}\n`).join("")}`;
}

function heldText(why: "no_firewall" | "offline"): string {
  return why === "offline"
    ? "The tunnels are held down: the hub was away for longer than [agent].max_offline_hours"
    : "The tunnels are held down: no firewall is in force";
}

function visibleLines(text: string): string {
  return text.split("\n").map(visible).join("\n");
}
