/** Who can reach a listener: this machine, the networks of one of its addresses, or whoever reaches any of them. */
export type Reach = "loopback" | "lan" | "any";

/** One listener as the world sees it. */
export interface Exposure {
  readonly listener: "web" | "control" | "opcua";
  /** IP address or host name; for a unix socket its path. */
  readonly address: string;
  /** `null` for a unix socket. */
  readonly port: number | null;
  readonly protocol: "https" | "http" | "unix" | "tcp" | "tls" | "opc.tcp";
  readonly reach: Reach;
  readonly encryption: "tls" | "opcua" | "none";
  /** What a caller proves itself with; any of these suffices. `nothing_on_loopback`: loopback clients look without login. */
  readonly authentication: readonly (
    | "nothing_on_loopback"
    | "socket_peer"
    | "login"
    | "token"
    | "client_certificate"
    | "opcua_password"
  )[];
  /** What it lets one do, one sentence. */
  readonly lets: string;
  /** Key path that decides where it listens. */
  readonly key: string;
}
