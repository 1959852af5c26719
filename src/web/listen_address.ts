/** Where the page is served. */
export interface ListenAddress {
  /** A host name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port` or `[v6]:port` as the configuration holds it. Throws RangeError on anything else. */
export function parseListenAddress(listen: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):(\d{1,5})$/.exec(listen);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new RangeError(`Cannot listen as 'listen' must be host:port: current value is ${listen}`);
  }
  return { host, port };
}

/** Whether a host name or address (no brackets) can only mean this machine. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === "localhost" || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}

/** The host as it stands in a URL. */
export function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
