import { dirname, relative } from "node:path";
import { listenAddress, parseEndpoint, parseOpcTcpUrl, urlHost } from "../config/address.ts";
import type { AgentConfig, Config, ControlConfig, TlsConfig } from "../config/schema.ts";
import { rttPort } from "../mesh/constants.ts";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import type { SimulatorStartOptions } from "./role_protocol.ts";

/** What is allowed, as Deno names it. */
export type GrantKind = "net" | "read" | "write" | "env" | "sys" | "run";

/** One thing that a role may touch, and why. */
export interface Grant {
  readonly kind: GrantKind;
  /** Of `net`, {@link ANYWHERE} stands for every address. */
  readonly value: string;
  readonly why: string;
}

/** The value of a grant of kind `net` for every address there is. */
export const ANYWHERE = "*";

/** Facts about this installation. */
export interface CodeFacts {
  /** Absolute paths of the program's own files: modules, packages, assets. Embedded in an executable. */
  readonly codePaths: readonly string[];
}

/** What the agent's sandbox depends on besides its configuration. */
export interface AgentFacts extends CodeFacts {
  /** `host:port` of the hub that the agent has joined; `null` before it has. */
  readonly hub: string | null;
  /** Network of the mesh that it has joined, as `10.100.0.0/16`; `null` before it has. */
  readonly meshCidr: string | null;
  /** Absolute paths of the programs of {@link agentPrograms} that this machine has. */
  readonly programs: readonly string[];
}

/**
 * node-opcua asks for these while it loads, wherever it runs. The variables tell where temporary files go; everything
 * else that libraries look for in the environment they find empty (`empty_environment.ts`).
 */
const libraryGrants: readonly Grant[] = [
  ...["TMPDIR", "TMP", "TEMP"].map((value): Grant => ({
    kind: "env",
    value,
    why: "node-opcua asks for the temporary folder when it loads",
  })),
  { kind: "sys", value: "homedir", why: "node-opcua asks for it when it loads" },
  { kind: "sys", value: "hostname", why: "the host's name is in the OPC UA endpoints and in the certificate" },
  { kind: "sys", value: "uid", why: "whether private keys and the history's folder are the gateway's own" },
];

/** Pure: everything that the gateway role needs with this configuration, and nothing else. */
export function gatewayGrants(config: Config, { codePaths }: CodeFacts): Grant[] {
  const { chirpstack, opcua, gateway, storage, runtime: { control, web } } = config;
  const grants: Grant[] = [];
  if (chirpstack !== undefined) {
    grants.push({ kind: "net", value: serverAddress(chirpstack.server_address), why: "[chirpstack].server_address" });
    if (chirpstack.ca_path !== undefined) {
      grants.push({ kind: "read", value: chirpstack.ca_path, why: "[chirpstack].ca_path" });
    }
  }
  if (opcua.enabled) {
    grants.push(...listenGrants(opcua.host_ip_address, opcua.host_port, "[opcua].host_ip_address and host_port"));
    const discovery = parseOpcTcpUrl(opcua.discovery_server_url ?? "");
    if (discovery !== null) {
      const value = `${urlHost(discovery.host)}:${discovery.port}`;
      grants.push({ kind: "net", value, why: "[opcua].discovery_server_url" });
    }
  }
  grants.push(...adminGrants(config));
  if (opcua.enabled || web.enabled || control.enabled) grants.push(interfacesGrant);
  const database = dirname(storage.database_path);
  if (!contains(gateway.data_dir, database)) grants.push(...folderGrants(database, "[storage].database_path"));
  if (opcua.pki_dir !== undefined && !contains(gateway.data_dir, opcua.pki_dir)) {
    grants.push(...folderGrants(opcua.pki_dir, "[opcua].pki_dir"));
  }
  return [...grants, ...codeGrants(codePaths), ...libraryGrants];
}

/**
 * Pure: everything that the hub role needs with this configuration, and nothing else. A relay answers agents wherever
 * they are, so a hub with one may send to any address; one without sends to none.
 */
export function hubGrants(config: Config, { codePaths }: CodeFacts): Grant[] {
  const { hub } = config;
  const grants: Grant[] = [];
  if (hub !== undefined) {
    const { host, port } = listenAddress(hub.listen);
    grants.push(...listenGrants(host, port, "[hub].listen"));
    for (const observer of hub.observer_ports) {
      grants.push({ kind: "net", value: `${urlHost(host)}:${observer}`, why: "[hub].observer_ports" });
    }
    if (hub.relay_sessions > 0) {
      grants.push({ kind: "net", value: ANYWHERE, why: "[hub].relay_sessions: agents are relayed wherever they are" });
    }
  }
  return [
    ...grants,
    ...adminGrants(config),
    interfacesGrant,
    { kind: "sys", value: "hostname", why: "the host's name is in the certificate and in the page's address" },
    ...codeGrants(codePaths),
  ];
}

/** Pure: what a role needs that runs with a configuration file. */
export function configuredGrants(role: ConfiguredRole, config: Config, facts: CodeFacts): Grant[] {
  return role === "hub" ? hubGrants(config, facts) : gatewayGrants(config, facts);
}

/**
 * Pure: everything that the agent role needs. Deno keeps /proc, /sys and /dev closed to whatever has not everything
 * (2.9.6), so what is set there is set by the programs.
 */
export function agentGrants(config: AgentConfig, { codePaths, hub, meshCidr, programs }: AgentFacts): Grant[] {
  const grants: Grant[] = [];
  if (hub !== null) grants.push({ kind: "net", value: hub, why: "the hub that it has joined" });
  if (meshCidr !== null) {
    grants.push({ kind: "net", value: `${meshCidr}:${rttPort}`, why: "round trips to its peers, inside the tunnels" });
  }
  const own = `unix:${config.dir}/agent.sock`;
  grants.push(
    { kind: "net", value: own, why: "[agent].dir: what the command line asks it on" },
    { kind: "net", value: `${own}.new/s`, why: "[agent].dir: where that socket is made before it gets its place" },
  );
  for (const folder of ["/var/run/wireguard", "/run/wireguard"]) {
    const socket = `${folder}/${config.interface}.sock`;
    const why = "[agent].interface: how wireguard-go is told";
    grants.push({ kind: "net", value: `unix:${socket}`, why }, ...folderGrants(socket, why));
  }
  return [
    ...grants,
    ...folderGrants(config.dir, "[agent].dir"),
    interfacesGrant,
    { kind: "sys", value: "hostname", why: "the name that it registers with" },
    { kind: "sys", value: "uid", why: "whether private keys are its own" },
    ...programs.map((value): Grant => ({ kind: "run", value, why: "interface, routes, tunnels and firewall" })),
    ...codeGrants(codePaths),
  ];
}

/** Pure: everything that the simulator role needs. */
export function simulatorGrants(options: SimulatorStartOptions, { codePaths }: CodeFacts): Grant[] {
  return [...listenGrants(options.hostname, options.port, "the simulator's listener"), ...codeGrants(codePaths)];
}

/** Pure: the gateway's sandbox. */
export function gatewayPermissions(config: Config, facts: CodeFacts): Deno.PermissionOptionsObject {
  return permissionsOf(gatewayGrants(config, facts));
}

/** Pure: the simulator's sandbox. */
export function simulatorPermissions(options: SimulatorStartOptions, facts: CodeFacts): Deno.PermissionOptionsObject {
  return permissionsOf(simulatorGrants(options, facts));
}

/** Pure: the grants as a worker's permissions; whatever is not granted is refused. */
export function permissionsOf(grants: readonly Grant[]): Deno.PermissionOptionsObject {
  const values = (kind: GrantKind) => [...new Set(grants.filter((grant) => grant.kind === kind).map((g) => g.value))];
  const programs = values("run");
  return {
    net: values("net").includes(ANYWHERE) || values("net"),
    read: values("read"),
    write: values("write"),
    env: values("env"),
    sys: values("sys"),
    run: programs.length > 0 && programs,
    ffi: false,
    import: false,
  };
}

/** Pure: the grants as flags of `deno run`. A comma in a value is doubled, as Deno asks. */
export function denoFlags(grants: readonly Grant[]): string[] {
  const kinds: GrantKind[] = ["net", "read", "write", "env", "sys", "run"];
  return kinds.flatMap((kind) => {
    if (kind === "net" && grants.some((grant) => grant.kind === kind && grant.value === ANYWHERE)) {
      return ["--allow-net"];
    }
    const values = new Set(grants.filter((grant) => grant.kind === kind).map((g) => g.value.replaceAll(",", ",,")));
    return values.size === 0 ? [] : [`--allow-${kind}=${[...values].join(",")}`];
  });
}

const interfacesGrant: Grant = {
  kind: "sys",
  value: "networkInterfaces",
  why: "addresses under which clients reach it",
};

/** Page, control endpoint, certificate and data folder: how a role is looked at and told, whichever it is. */
function adminGrants({ gateway, runtime: { control, tls, web } }: Config): Grant[] {
  const grants: Grant[] = [];
  if (web.enabled) {
    const { host, port } = listenAddress(web.listen);
    grants.push(...listenGrants(host, port, "[runtime.web].listen"));
  }
  if (control.enabled) grants.push(...controlGrants(control, gateway.data_dir));
  return [...grants, ...tlsGrants(tls), ...folderGrants(gateway.data_dir, "[gateway].data_dir")];
}

function codeGrants(codePaths: readonly string[]): Grant[] {
  return codePaths.map((value) => ({ kind: "read", value, why: "the program's own files" }));
}

function folderGrants(value: string, why: string): Grant[] {
  return [{ kind: "read", value, why }, { kind: "write", value, why }];
}

function controlGrants({ endpoint, group }: ControlConfig, dataDir: string): Grant[] {
  const place = parseEndpoint(endpoint);
  const why = "[runtime.control].endpoint";
  if (place === null) return [];
  if (place.kind === "tcp") return listenGrants(place.host, place.port, why);
  const { path } = place;
  const folder = dirname(path);
  return [
    { kind: "net", value: `unix:${path}`, why: `${why}: whether another gateway answers there` },
    { kind: "net", value: `unix:${path}.new/s`, why: `${why}: where the socket is made before it gets its place` },
    ...contains(dataDir, folder) ? [] : folderGrants(folder, why),
    ...group === undefined ? [] : [{ kind: "read" as const, value: "/etc/group", why: "[runtime.control].group" }],
  ];
}

/** The CA too, though only `client_auth` uses it: findings on the page say whether the certificate comes from it. */
function tlsGrants({ mode, cert_path, key_path, ca_path }: TlsConfig): Grant[] {
  if (mode === "disabled") return [];
  return Object.entries({ cert_path, key_path, ca_path }).flatMap(([key, value]): Grant[] =>
    value === undefined ? [] : [{ kind: "read", value, why: `[runtime.tls].${key}` }]
  );
}

/** A listener on every IPv4 address also asks for every IPv6 address: node:net tries that first. */
function listenGrants(hostname: string, port: number, why: string): Grant[] {
  const hosts = hostname === "0.0.0.0" ? [hostname, "::"] : [hostname];
  return hosts.map((host) => ({ kind: "net", value: `${urlHost(host)}:${port}`, why }));
}

function serverAddress(address: string): string {
  const { hostname, port, protocol } = new URL(address);
  return `${hostname}:${port === "" ? (protocol === "https:" ? 443 : 80) : port}`;
}

function contains(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === "" || (!way.startsWith("..") && !way.startsWith("/"));
}
