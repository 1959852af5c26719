import { dirname, relative } from "node:path";
import { listenAddress, parseEndpoint, parseOpcTcpUrl, urlHost } from "../config/address.ts";
import type { Config, ControlConfig, TlsConfig } from "../config/schema.ts";
import type { SimulatorStartOptions } from "./role_protocol.ts";

/** What is allowed, as Deno names it. */
export type GrantKind = "net" | "read" | "write" | "env" | "sys";

/** One thing that a role may touch, and why. */
export interface Grant {
  readonly kind: GrantKind;
  readonly value: string;
  readonly why: string;
}

/** Facts about this installation. */
export interface CodeFacts {
  /** Absolute paths of the program's own files: modules, packages, assets. Embedded in an executable. */
  readonly codePaths: readonly string[];
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
  const { chirpstack, opcua, gateway, storage, runtime: { control, tls, web } } = config;
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
  if (web.enabled) {
    const { host, port } = listenAddress(web.listen);
    grants.push(...listenGrants(host, port, "[runtime.web].listen"));
  }
  if (opcua.enabled || web.enabled || control.enabled) {
    grants.push({ kind: "sys", value: "networkInterfaces", why: "addresses under which clients reach it" });
  }
  if (control.enabled) grants.push(...controlGrants(control, gateway.data_dir));
  grants.push(...tlsGrants(tls));
  grants.push(...folderGrants(gateway.data_dir, "[gateway].data_dir"));
  const database = dirname(storage.database_path);
  if (!contains(gateway.data_dir, database)) grants.push(...folderGrants(database, "[storage].database_path"));
  if (opcua.pki_dir !== undefined && !contains(gateway.data_dir, opcua.pki_dir)) {
    grants.push(...folderGrants(opcua.pki_dir, "[opcua].pki_dir"));
  }
  return [...grants, ...codeGrants(codePaths), ...libraryGrants];
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
  return {
    net: values("net"),
    read: values("read"),
    write: values("write"),
    env: values("env"),
    sys: values("sys"),
    run: false,
    ffi: false,
    import: false,
  };
}

/** Pure: the grants as flags of `deno run`. A comma in a value is doubled, as Deno asks. */
export function denoFlags(grants: readonly Grant[]): string[] {
  const kinds: GrantKind[] = ["net", "read", "write", "env", "sys"];
  return kinds.flatMap((kind) => {
    const values = new Set(grants.filter((grant) => grant.kind === kind).map((g) => g.value.replaceAll(",", ",,")));
    return values.size === 0 ? [] : [`--allow-${kind}=${[...values].join(",")}`];
  });
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
