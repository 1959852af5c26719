/** Who can reach a listener: this machine, the networks of one of its addresses, or whoever reaches any of them. */
export type Reach = "loopback" | "lan" | "any";

/** One listener as the world sees it. */
export interface Exposure {
  readonly listener: "web" | "control" | "opcua" | "hub" | "observer" | "relay" | "agent";
  /** IP address or host name; for a unix socket its path. */
  readonly address: string;
  /** `null` for a unix socket. */
  readonly port: number | null;
  /** Last port where it has several, all from `port` on. */
  readonly lastPort?: number;
  readonly protocol: "https" | "http" | "unix" | "tcp" | "tls" | "opc.tcp" | "udp";
  readonly reach: Reach;
  readonly encryption: "tls" | "opcua" | "wireguard" | "none";
  /**
   * What a caller proves itself with; any of these suffices. `nothing_on_loopback`: loopback clients look without login;
   * `node_key`: a key of a node of the mesh.
   */
  readonly authentication: readonly (
    | "nothing_on_loopback"
    | "socket_peer"
    | "login"
    | "token"
    | "client_certificate"
    | "opcua_password"
    | "join_token"
    | "node_key"
  )[];
  /** What it lets one do, one sentence. */
  readonly lets: string;
  /** Key path that decides where it listens. */
  readonly key: string;
}
