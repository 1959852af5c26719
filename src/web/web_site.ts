import { isIPv6 } from "node:net";
import { isLoopback, listenAddress } from "../config/address.ts";
import type { WebConfig } from "../config/schema.ts";
import type { ServerCertificate } from "../tls/server_certificate.ts";
import type { Peer } from "./peer.ts";

/** What the site is made from. */
export interface WebSiteOptions {
  readonly config: WebConfig;
  readonly certificate: ServerCertificate | null;
  /** Name of this machine. */
  readonly hostname: string;
}

const originPattern = /^(https?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i;

/**
 * Under which names this server is reached, and which origins may change something here. Follows the configuration while
 * the server runs, and the certificate when it is renewed.
 */
export class WebSite {
  /** Port that is listened on; the configured one may be 0. */
  port: number;
  #config: WebConfig;
  #allowedHosts: ReadonlySet<string> = new Set();
  #allowedOrigins: ReadonlySet<string> = new Set();
  #loopbackViewers = new AbortController();
  readonly #certificate: ServerCertificate | null;
  readonly #ownNames: ReadonlySet<string>;

  constructor({ config, certificate, hostname }: WebSiteOptions) {
    const { host, port } = listenAddress(config.listen);
    const name = plainHost(hostname);
    const [label = ""] = name.split(".");
    this.port = port;
    this.#config = config;
    this.#certificate = certificate;
    this.#ownNames = new Set([plainHost(host), name, label, `${label}.local`]);
    this.configure(config);
  }

  /** What applies now. */
  get config(): WebConfig {
    return this.#config;
  }

  /** Aborted when loopback clients may no longer look without logging in. */
  get loopbackViewersEnd(): AbortSignal {
    return this.#loopbackViewers.signal;
  }

  /** Takes changed settings; the listen address is not one of them. */
  configure(config: WebConfig): void {
    this.#config = config;
    this.#allowedHosts = new Set(config.allowed_hosts.map(plainHost));
    this.#allowedOrigins = new Set(config.allowed_origins.map((origin) => new URL(origin).origin));
    if (config.auth === "local") {
      if (this.#loopbackViewers.signal.aborted) this.#loopbackViewers = new AbortController();
    } else {
      this.#loopbackViewers.abort();
    }
  }

  /**
   * Whether a host is a name of this server: loopback, the listen address, the address that the peer reached, the
   * machine's name, a name in the certificate, or one that is configured. A name that somebody else pointed here by DNS is
   * none.
   *
   * @param host without port and brackets
   */
  knowsHost(host: string, peer: Peer): boolean {
    const plain = plainHost(host);
    return isLoopback(plain) || this.#ownNames.has(plain) || this.#allowedHosts.has(plain) ||
      (peer.localAddress !== "" && plain === plainHost(peer.localAddress)) ||
      (this.#certificate?.facts.names.some((name) => coversHost(name, plain)) ?? false);
  }

  /**
   * Whether a page of the origin may change something here: the origin that the request itself names, another name of this
   * server with its scheme and port, or a configured one. A default port may be written or left out.
   *
   * @param hostHeader the request's Host header, which {@link knowsHost} has accepted
   */
  allowsOrigin(origin: string, hostHeader: string, peer: Peer): boolean {
    const found = originPattern.exec(origin);
    const url = found === null ? null : URL.parse(origin);
    if (url === null) return false;
    if (this.#allowedOrigins.has(url.origin)) return true;
    const scheme = peer.secure ? "https" : "http";
    if (url.protocol !== `${scheme}:`) return false;
    if (URL.parse(`${scheme}://${hostHeader}`)?.origin === url.origin) return true;
    const port = url.port === "" ? (peer.secure ? 443 : 80) : Number(url.port);
    return port === this.port && this.knowsHost(url.hostname, peer);
  }
}

/** The host of a Host header in lower case, without brackets and port; `null` when it is no host. */
export function hostOf(header: string): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/.exec(header.toLowerCase());
  const host = match?.[1] ?? match?.[2];
  return host === undefined ? null : plainHost(host);
}

/** One spelling for each host: lower case, IPv6 in its shortest form without brackets, no dot at the end. */
function plainHost(host: string): string {
  const plain = host.toLowerCase().replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  return isIPv6(plain) && !plain.includes("%") ? new URL(`http://[${plain}]`).hostname.slice(1, -1) : plain;
}

/** Whether a name of a certificate stands for the host; a wildcard stands for one label (RFC 6125 §6.4.3). */
function coversHost(name: string, host: string): boolean {
  const plain = plainHost(name);
  if (!plain.startsWith("*.")) return plain === host;
  return host.includes(".") && host.slice(host.indexOf(".")) === plain.slice(1);
}
