import { Command } from "commander";
import type { ResultOf } from "../../operations/schemas/operation_schemas.ts";
import { columns, type DoorChoice, shortTime, throughDoor, withDoorOptions } from "../access_door.ts";
import { visible } from "../visible.ts";

type Node = ResultOf<"hub.node">;

const online = { online: true } as const;
const NODE = "name or id, as edgekeep hub node list shows it";

/** `edgekeep hub node`: the machines of the mesh. */
export function hubNodeCommand(): Command {
  return new Command("node")
    .summary("list, show, rename, group, rotate and remove nodes")
    .description("the machines of the mesh; the hub must run")
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(renameCommand())
    .addCommand(groupsCommand())
    .addCommand(rotateCommand())
    .addCommand(removeCommand())
    .addHelpText(
      "after",
      `
Examples:
  edgekeep hub node list
  edgekeep hub node groups pump-house plc north
  edgekeep hub node remove n_6a3803d5f059902a1c6dafbc9ba47292`,
    );
}

function listCommand(): Command {
  return withDoorOptions(new Command("list"))
    .description("list nodes")
    .option("--all", "removed ones too")
    .action(async function ({ all, ...choice }: DoorChoice & { readonly all?: boolean }) {
      await throughDoor(
        this,
        choice,
        async (call) => {
          const { nodes } = await call("hub.nodes") as ResultOf<"hub.nodes">;
          return { nodes: nodes.filter(({ state }) => all === true || state === "active") };
        },
        ({ nodes }) =>
          nodes.length === 0
            ? "No node has joined yet: edgekeep hub token create LABEL, then on the machine edgekeep agent join\n"
            : columns(
              ["NAME", "PRESENCE", "MESH ADDRESS", "GROUPS", "LAST HEARD", "FROM", "VERSION", "ID"],
              nodes.map((node) => [
                node.name,
                node.state === "removed" ? "removed" : node.presence,
                node.meshIp,
                node.groups.join(" ") || "-",
                shortTime(node.lastHeartbeat, "never"),
                node.address ?? "-",
                node.version,
                node.nodeId,
              ]),
            ),
        online,
      );
    });
}

function showCommand(): Command {
  return withDoorOptions(new Command("show"))
    .description("show one node with its tunnels")
    .argument("<node>", NODE)
    .action(async function (node: string, choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        async (call) => {
          const shown = await call("hub.node", { node }) as Node;
          const { nodes, links } = await call("hub.topology", { node: shown.nodeId }) as ResultOf<"hub.topology">;
          const names = new Map(nodes.map(({ nodeId, name }) => [nodeId, name]));
          const tunnels = links.map(({ a, b, ...link }) => {
            const peer = a === shown.nodeId ? b : a;
            return { peer, name: names.get(peer) ?? peer, ...link };
          });
          return { ...shown, tunnels };
        },
        nodeText,
        online,
      );
    });
}

function nodeText(node: Node & { readonly tunnels: readonly Tunnel[] }): string {
  const lines: readonly (readonly [string, string])[] = [
    ["Node", `${node.name} (${node.nodeId})`],
    ["State", node.state === "removed" ? "removed" : node.presence],
    ["Mesh address", node.meshIp],
    ["Groups", node.groups.join(", ") || "none"],
    ["Fingerprint", node.fingerprint],
    ["Co-signed", node.cosigned ? "yes" : "no"],
    ["Joined", shortTime(node.registered)],
    ["Last heard", `${shortTime(node.lastHeartbeat, "never")}${node.address === null ? "" : ` from ${node.address}`}`],
    ["Program", `${node.version}, SHA-256 ${node.binarySha256}`],
    ["Keys", `generation ${node.generation}`],
    ["NAT", node.nat],
    ["Endpoints", node.endpoints.map(({ kind, address }) => `${address} (${kind})`).join(", ") || "none"],
    ["Says", node.status ?? "nothing"],
    ["Up to date", `${node.appliedSequence ?? "-"} of ${node.sequence}`],
  ];
  const width = Math.max(...lines.map(([title]) => title.length));
  const head = lines.map(([title, text]) => `${title.padEnd(width)}  ${visible(text)}\n`).join("");
  if (node.tunnels.length === 0) return `${head}\nNo tunnels.\n`;
  return `${head}\n${
    columns(
      ["PEER", "PATH", "RTT", "LAST HANDSHAKE", "RECEIVED", "SENT"],
      node.tunnels.map(({ name, path, rttMs, lastHandshake, rxBytes, txBytes }) => [
        name,
        path,
        rttMs === null ? "-" : `${rttMs} ms`,
        shortTime(lastHandshake, "never"),
        String(rxBytes),
        String(txBytes),
      ]),
    )
  }`;
}

interface Tunnel extends Omit<ResultOf<"hub.topology">["links"][number], "a" | "b"> {
  readonly peer: string;
  readonly name: string;
}

function renameCommand(): Command {
  return withDoorOptions(new Command("rename"))
    .description("give a node another name")
    .argument("<node>", NODE)
    .argument("<name>", "the new one")
    .action(async function (node: string, name: string, choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("hub.node.rename", { node, name }) as Promise<Node>,
        (renamed) => `${renamed.nodeId} is now called ${visible(renamed.name)}\n`,
        online,
      );
    });
}

function groupsCommand(): Command {
  return withDoorOptions(new Command("groups"))
    .description("put a node into groups, out of those it was in; without any, into none")
    .argument("<node>", NODE)
    .argument("[groups...]", "their names")
    .action(async function (node: string, groups: readonly string[], choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("hub.node.groups", { node, groups }) as Promise<Node>,
        (changed) => `${visible(changed.name)} is in ${changed.groups.map(visible).join(", ") || "no group"}\n`,
        online,
      );
    });
}

function rotateCommand(): Command {
  return withDoorOptions(new Command("rotate"))
    .description("ask a node for a new WireGuard key; no packet is lost")
    .argument("[node]", NODE)
    .option("--all", "every active node, one after the other")
    .action(async function (node: string | undefined, { all, ...choice }: DoorChoice & { readonly all?: boolean }) {
      if ((node === undefined) !== (all === true)) {
        this.error("Name a node, or give --all. Try --help.", { exitCode: 2 });
      }
      await throughDoor(
        this,
        choice,
        (call) => call("hub.node.rotate", { node: node ?? "*" }) as Promise<ResultOf<"hub.node.rotate">>,
        ({ nodes }) => `Asked: ${nodes.length === 1 ? "one node" : `${nodes.length} nodes`}\n`,
        online,
      );
    });
}

function removeCommand(): Command {
  return withDoorOptions(new Command("remove"))
    .description("remove a node from the mesh for good: its peers drop it at once; it comes back by joining anew alone")
    .argument("<node>", NODE)
    .action(async function (node: string, choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("hub.node.remove", { node }) as Promise<Node>,
        (removed) => `${visible(removed.name)} (${removed.nodeId}) is removed\n`,
        online,
      );
    });
}
