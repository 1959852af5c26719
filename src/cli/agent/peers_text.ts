import type { PeerStatus } from "../../agent/peers/peer_engine.ts";
import { columns } from "../access_door.ts";
import { visible } from "../visible.ts";
import { ageText } from "./age_text.ts";

/** Width at which how much was received and sent still fits, columns. */
const ROOMY = 100;

/**
 * The other nodes as a table, with what is wrong with each below.
 *
 * @param nowUs µs UTC
 * @param width columns of the terminal
 */
export function peersText(peers: readonly PeerStatus[], nowUs: number, width = Infinity): string {
  if (peers.length === 0) return "No other node is known yet\n";
  const rows = peers.toSorted((a, b) => a.name < b.name ? -1 : 1).map((peer) => [
    peer.name,
    peer.meshIp,
    peer.state,
    peer.path === "none" ? "-" : peer.path,
    peer.endpoint ?? "-",
    peer.lastHandshakeUs === null ? "never" : `${ageText((nowUs - peer.lastHandshakeUs) / 1000)} ago`,
    peer.rttMs === null ? "-" : `${peer.rttMs.toFixed(1)} ms`,
    ...width < ROOMY ? [] : [bytesText(peer.rxBytes), bytesText(peer.txBytes)],
  ]);
  const problems = peers.flatMap(({ name, problem }) => problem === null ? [] : [`${visible(name)}: ${problem}\n`]);
  const head = [
    "NAME",
    "ADDRESS",
    "STATE",
    "PATH",
    "ENDPOINT",
    "HANDSHAKE",
    "RTT",
    ...width < ROOMY ? [] : ["RECEIVED", "SENT"],
  ];
  return columns(head, rows) + (problems.length === 0 ? "" : `\n${problems.join("")}`);
}

function bytesText(bytes: number): string {
  for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(1)} ${unit}`;
  }
  return `${bytes} B`;
}
