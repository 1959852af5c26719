import { isLoopback, isWildcard, parseEndpoint, parseListen } from "../config/address.ts";
import type { KeyPath } from "../config/key_path.ts";
import type { Draft } from "../config/salvage.ts";
import type { Config } from "../config/schema.ts";
import type { Exposure, Reach } from "./exposure.ts";

/** A port that the program would listen on. */
export interface Listener {
  readonly listener: Exposure["listener"];
  /** As a person calls it. */
  readonly name: string;
  readonly transport: "tcp" | "udp";
  readonly host: string;
  readonly port: number;
  /** Where it takes several ports, the last of them. */
  readonly lastPort?: number;
  readonly reach: Reach;
  /** Whether other machines can reach it. */
  readonly remote: boolean;
  /** What protects what travels; `none` where a client may also choose nothing. */
  readonly encryption: Exposure["encryption"];
  /** Key that says where it listens, and the one that holds its port. */
  readonly at: KeyPath;
  readonly portAt: KeyPath;
}

/** Every TCP listener of gateway, page and control endpoint; one that is switched off or whose address is invalid is left out. */
export function listenersOf({ opcua, runtime }: Draft<Config>): Listener[] {
  const found: Listener[] = [];
  const mode = runtime?.tls?.mode;
  if (opcua?.enabled === true && opcua.host_ip_address !== undefined && opcua.host_port !== undefined) {
    const encryption = opcua.security_policies?.includes("None") === true ? "none" : "opcua";
    found.push({
      listener: "opcua",
      name: "OPC UA",
      transport: "tcp",
      ...place(opcua.host_ip_address, opcua.host_port),
      encryption,
      at: ["opcua", "host_ip_address"],
      portAt: ["opcua", "host_port"],
    });
  }
  const { web, control } = runtime ?? {};
  const address = web?.enabled === true ? parseListen(web.listen ?? "") : null;
  if (address !== null) {
    const encryption = web?.tls === true && mode !== "disabled" ? "tls" : "none";
    found.push({
      listener: "web",
      name: "the web page",
      transport: "tcp",
      ...place(address.host, address.port),
      encryption,
      at: ["runtime", "web", "listen"],
      portAt: ["runtime", "web", "listen"],
    });
  }
  const endpoint = control?.enabled === true ? parseEndpoint(control.endpoint ?? "") : null;
  if (endpoint?.kind === "tcp") {
    found.push({
      listener: "control",
      name: "the control endpoint",
      transport: "tcp",
      ...place(endpoint.host, endpoint.port),
      encryption: mode === "disabled" ? "none" : "tls",
      at: ["runtime", "control", "endpoint"],
      portAt: ["runtime", "control", "endpoint"],
    });
  }
  return found;
}

/**
 * Every listener of the configuration as the world sees it; one whose address is invalid is left out.
 *
 * @param socket absolute path of the control endpoint's unix socket, where it is known
 */
export function exposuresOf(config: Draft<Config>, socket: string | null = null): Exposure[] {
  const exposures = listenersOf(config).map((listener): Exposure => ({
    listener: listener.listener,
    address: listener.host,
    port: listener.port,
    protocol: protocolOf(listener),
    reach: listener.reach,
    encryption: listener.encryption,
    authentication: authenticationOf(config, listener),
    lets: letsOf(config, listener.listener),
    key: listener.at.join("."),
  }));
  const { control } = config.runtime ?? {};
  const endpoint = control?.enabled === true ? parseEndpoint(control.endpoint ?? "") : null;
  if (endpoint?.kind === "unix") {
    exposures.push({
      listener: "control",
      address: socket ?? endpoint.path,
      port: null,
      protocol: "unix",
      reach: "loopback",
      encryption: "none",
      authentication: control?.require_token === true ? ["token"] : ["socket_peer"],
      lets: socketLets(config),
      key: "runtime.control.endpoint",
    });
  }
  return exposures;
}

/** Where a listener is, and who reaches it there. */
export function place(host: string, port: number): Pick<Listener, "host" | "port" | "reach" | "remote"> {
  const reach = reachOf(host);
  return { host, port, reach, remote: reach !== "loopback" };
}

function reachOf(host: string): Reach {
  if (isLoopback(host)) return "loopback";
  return isWildcard(host) ? "any" : "lan";
}

function protocolOf({ listener, encryption }: Listener): Exposure["protocol"] {
  if (listener === "opcua") return "opc.tcp";
  if (listener === "web") return encryption === "tls" ? "https" : "http";
  return encryption === "tls" ? "tls" : "tcp";
}

function authenticationOf(
  { runtime }: Draft<Config>,
  { listener, reach }: Pick<Listener, "listener" | "reach">,
): Exposure["authentication"] {
  if (listener === "opcua") return ["opcua_password"];
  if (listener === "control") return ["token"];
  const { web, tls } = runtime ?? {};
  const certificates = web?.tls === true && tls?.mode !== "disabled" && tls?.client_auth !== "none";
  return [
    // a listener on an address of the LAN alone never sees a loopback client
    ...web?.auth === "local" && reach !== "lan" ? ["nothing_on_loopback" as const] : [],
    "login",
    "token",
    ...certificates ? ["client_certificate" as const] : [],
  ];
}

function letsOf(config: Draft<Config>, listener: Exposure["listener"]): string {
  const { opcua, runtime } = config;
  if (listener === "opcua") {
    const signed = opcua?.security_modes?.includes("Sign") === true
      ? ", signed but readable where the client wants it"
      : "";
    const none = opcua?.security_policies?.includes("None") === true ? ", unprotected where the client wants it" : "";
    const trust = opcua?.trust_client_cert === true ? "whatever their certificate" : "whose certificate is trusted";
    const changes = "send commands and answer alarms as the user's role allows";
    return `Read values, history and state of every device; ${changes}; ${
      changesOf(config)
    }; to clients ${trust}${signed}${none}`;
  }
  const changes = `${changesOf(config)}${debugOf(config)}`;
  if (listener === "control") return `Every operation that the caller's role allows; ${changes}`;
  const { web, tls } = runtime ?? {};
  const required = web?.tls === true && tls?.client_auth === "require" ? "; nothing without a client certificate" : "";
  const health = web?.health_remote === true ? "; health answers everybody" : "";
  return `Look at values, history and state, and everything else that the caller's role allows; ${changes}${health}${required}`;
}

function changesOf({ runtime }: Draft<Config>): string {
  const { profile, allow_write: allowed } = runtime?.remote ?? {};
  if (profile !== "wan") return "changes from anywhere";
  const entries = allowed ?? [];
  return `no changes from other machines${entries.length === 0 ? "" : ` but ${entries.join(", ")}`}`;
}

function debugOf({ runtime }: Draft<Config>): string {
  const { mode, debug_enabled: debug } = runtime?.control ?? {};
  return mode === "debug" && debug === true ? ", debug operations too" : "";
}

function socketLets({ runtime }: Draft<Config>): string {
  const { group, require_token: token } = runtime?.control ?? {};
  const who = group === undefined
    ? "the gateway's own user and root"
    : `the gateway's own user, root and group ${group}`;
  return token === true
    ? `Every operation that the token's role allows; ${who} can open the socket`
    : `Every operation, as admin, to whoever can open the socket: ${who}`;
}
