import { isIP, isIPv4, isIPv6 } from "node:net";

/** Where a server listens: a host without brackets, and a port from 0 to 65535. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

// RFC 1123 §2.1 host names, and the underscore that container networks put into theirs.
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** Whether the text is an IP address or a host name of 1 to 253 characters; no scheme, no port, no brackets. */
export function isHost(text: string): boolean {
  if (isIP(text) !== 0) return true;
  if (text.length > 253) return false;
  const labels = text.split(".");
  // four numbers that are no address are a mistyped address and not a name
  return labels.every((part) => label.test(part)) && !/^\d+$/.test(labels.at(-1) ?? "");
}

/** Reads `host:port` or `[IPv6]:port`, or answers `null` when the text is neither. */
export function parseListen(text: string): ListenAddress | null {
  const found = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (found === null) return null;
  const [, bracketed, plain, digits] = found;
  const host = bracketed ?? plain ?? "";
  const port = Number(digits);
  if (port > 65535 || !isHost(host) || isIPv6(host) !== (bracketed !== undefined)) return null;
  return { host, port };
}

/** Where the control endpoint is: a unix socket's path, or an address. */
export type Endpoint =
  | { readonly kind: "unix"; readonly path: string }
  | ({ readonly kind: "tcp" } & ListenAddress);

/** Reads `unix://path` or `tcp://host:port`, or answers `null` when the text is neither. */
export function parseEndpoint(text: string): Endpoint | null {
  if (text.startsWith("unix://")) {
    const path = text.slice("unix://".length);
    return path === "" || path.includes("\0") ? null : { kind: "unix", path };
  }
  if (!text.startsWith("tcp://")) return null;
  const address = parseListen(text.slice("tcp://".length));
  return address === null ? null : { kind: "tcp", ...address };
}

/** Port of an `opc.tcp` URL that names none (OPC 10000-6 §7.4). */
const OPC_UA_PORT = 4840;

/**
 * Reads `opc.tcp://host[:port][/path]`, the host an IPv6 address in brackets, a name or an IPv4 address, or answers `null`
 * when the text is none. Without a port it is 4840.
 */
export function parseOpcTcpUrl(text: string): ListenAddress | null {
  const found = /^opc\.tcp:\/\/((?:\[[^\]]+\]|[^:/[\]]+))(:\d{1,5})?(?:\/[\w.~/-]*)?$/i.exec(text);
  const address = parseListen(`${found?.[1] ?? ""}${found?.[2] ?? `:${OPC_UA_PORT}`}`);
  return address === null || address.port === 0 ? null : address;
}

/** Whether the text is an origin as browsers send it (RFC 6454 §6.2): `http://host` or `https://host:port`, no path. */
export function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "" &&
    /^https?:\/\/[^/?#]+$/i.test(text);
}

/** The host as it stands in a URL or before a port: IPv6 addresses in brackets (RFC 3986 §3.2.2). */
export function urlHost(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** A listen address that the schema has accepted. Throws RangeError on any other text. */
export function listenAddress(text: string): ListenAddress {
  const address = parseListen(text);
  if (address === null) {
    throw new RangeError(`Cannot listen as the address must be host:port: current value is ${text}`);
  }
  return address;
}

/**
 * Whether only this machine reaches a server that listens on the host (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). Brackets
 * around an IPv6 address do not matter.
 */
export function isLoopback(host: string): boolean {
  const plain = bare(host);
  return host.toLowerCase() === "localhost" || (isIPv4(plain) && plain.startsWith("127.")) || compact(plain) === "::1";
}

/** Whether the host stands for every address of the machine: 0.0.0.0 or ::, with or without brackets. */
export function isWildcard(host: string): boolean {
  const plain = bare(host);
  return plain === "0.0.0.0" || compact(plain) === "::";
}

/** Whether two servers of this machine on the same port, one on each host, get in each other's way. */
export function overlaps(one: string, other: string): boolean {
  if (isWildcard(one) || isWildcard(other)) return true;
  return one.toLowerCase() === other.toLowerCase() ||
    (isLoopback(one) && isLoopback(other) && (one === "localhost" || other === "localhost"));
}

/** Whether two texts are the same IP address, in whatever form each is written (RFC 5952 §1). */
export function sameAddress(one: string, other: string): boolean {
  const plain = bare(one);
  return isIP(plain) !== 0 && compact(plain) === compact(bare(other));
}

/** An IPv4 address out of the IPv6 form in which a listener on `::` shows it (RFC 4291 §2.5.5.2); others as they are. */
export function unmapped(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/** A socket's peer for logs, limits and the audit: {@link unmapped}, and `unknown` where the socket has none any more. */
export function peerAddress(address: string | undefined | null): string {
  return address ? unmapped(address) : "unknown";
}

/** Without brackets, and an IPv4 address out of its IPv6 mapping. */
function bare(host: string): string {
  const plain = host.replace(/^\[(.*)\]$/, "$1");
  return unmapped(plain);
}

function compact(host: string): string {
  return isIPv6(host) && !host.includes("%") ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host;
}
