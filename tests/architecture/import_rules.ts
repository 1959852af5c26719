import type { Module } from "./module_graph.ts";

/**
 * The rooms from the inside out. A module may import its own room and every room of a lower rank; rooms of one rank do
 * not know each other.
 */
const ranks: readonly (readonly string[])[] = [
  ["telemetry"],
  ["tags"],
  ["config"],
  ["policy"],
  ["audit", "history", "access", "tls", "http", "mesh"],
  ["alarms", "commands"],
  ["supervisor"],
  ["operations"],
  ["opcua", "web", "sources", "control", "hub", "agent"],
  ["roles"],
  ["cli"],
];

/** Root modules: they wire rooms together, and they alone know where files lie, since a bundle moves every other module. */
const roots: readonly string[] = ["main.ts", "gateway.ts", "simulator.ts", "hub.ts", "agent.ts", "opcua_pki.ts"];

/** Modules beside the roots that every room may import. */
const shared: readonly string[] = ["version.ts", "worker_url.ts"];

/** Rooms of pure functions and data: no file, socket, process or library that could reach one. */
const pureRooms: readonly string[] = ["tags", "policy"];

/** Run at build time, from the source tree only. */
const buildScripts: readonly string[] = ["ui/build.ts"];

/** Every breach of the rules of the house, one sentence each; empty when the graph is sound. */
export function importFindings(modules: readonly Module[]): string[] {
  return [
    ...modules.flatMap(arrowFindings),
    ...modules.flatMap(specifierFindings),
    ...modules.flatMap(purityFindings),
    ...modules.flatMap(locationFindings),
    ...cycleFindings(modules),
  ];
}

function arrowFindings({ path, imports }: Module): string[] {
  if (roots.includes(path)) return [];
  const room = roomOf(path);
  const findings: string[] = [];
  if (room !== null && room !== "ui" && rankOf(room) < 0) {
    findings.push(`${path}: the room '${room}' has no rank in tests/architecture/import_rules.ts`);
  }
  for (const { target, typeOnly } of imports) {
    if (target === null || isOutside(target)) continue;
    const other = roomOf(target);
    if (shared.includes(target) || other === room) continue;
    if (other === null) findings.push(`${path} imports the root module ${target}`);
    else if (room === null) findings.push(`${path} is shared by all rooms and imports the room '${other}' (${target})`);
    else if (room === "ui") {
      if (other !== "web") findings.push(`${path}: the browser program imports the room '${other}' (${target})`);
      else if (!typeOnly) findings.push(`${path}: the browser program imports more than types of ${target}`);
    } else if (other === "ui") findings.push(`${path} imports the browser program (${target})`);
    else if (rankOf(other) === rankOf(room)) findings.push(`${path} imports its neighbour '${other}' (${target})`);
    else if (rankOf(other) > rankOf(room)) findings.push(`${path} imports outwards, from '${other}' (${target})`);
  }
  return findings;
}

function specifierFindings({ path, imports }: Module): string[] {
  return imports.flatMap(({ specifier, target }) => {
    if (/^(npm|jsr|https?):/.test(specifier)) {
      return [`${path} imports ${specifier}: name the package in deno.json, with an exact version`];
    }
    return target === null ? [`${path} imports ${specifier}, which does not resolve`] : [];
  });
}

function purityFindings({ path, imports, text }: Module): string[] {
  const room = roomOf(path);
  if (room === null || !pureRooms.includes(room)) return [];
  const libraries = imports.filter(({ target }) => target !== null && isOutside(target))
    .map(({ specifier }) => `${path} imports ${specifier}, but '${room}' does no I/O`);
  const used = /\b(Deno|fetch|WebSocket|EventSource|Worker|localStorage|process|console)\b(?=\s*[.(])/
    .exec(withoutComments(text));
  return used === null ? libraries : [...libraries, `${path} uses ${used[1]}, but '${room}' does no I/O`];
}

function locationFindings({ path, text }: Module): string[] {
  if (roots.includes(path) || buildScripts.includes(path)) return [];
  const used = /\bimport\.meta\.(url|dirname|filename|resolve)\b/.exec(withoutComments(text));
  return used === null ? [] : [`${path} uses ${used[0]}: in a bundle it is the bundle's; take the place from a root`];
}

/** Rings of imports that are left at run time, where the order of evaluation would decide what works. */
function cycleFindings(modules: readonly Module[]): string[] {
  const next = new Map(modules.map(({ path, imports }) => [
    path,
    imports.flatMap(({ target, typeOnly }) => target === null || typeOnly ? [] : [target]),
  ]));
  const done = new Set<string>();
  const findings: string[] = [];
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) findings.push(`modules import each other in a ring: ${[...trail.slice(start), path].join(" → ")}`);
    if (start >= 0 || done.has(path)) return;
    for (const target of next.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of next.keys()) visit(path, []);
  return findings;
}

/** The first folder; null for a module that lies in no room. */
function roomOf(path: string): string | null {
  const slash = path.indexOf("/");
  return slash < 0 ? null : path.slice(0, slash);
}

function rankOf(room: string): number {
  return ranks.findIndex((rooms) => rooms.includes(room));
}

/** A package, a built-in module or a file beside the rooms (`../deno.json`). */
function isOutside(target: string): boolean {
  return target.startsWith("../") || /^[a-z]+:/.test(target);
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/[^\n]*/g, "");
}
