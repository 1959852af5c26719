/** Where a datagram comes from or goes to. */
export interface UdpAddress {
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/**
 * `ip:port` as the mesh writes it, IPv6 in brackets. An IPv4 address that a socket of both families wrote as
 * `::ffff:192.0.2.1` is the IPv4 address it is.
 */
export function endpointText({ hostname, port }: UdpAddress): string {
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(hostname)?.[1] ?? hostname;
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** Whether two datagrams have the same other end. */
export function sameAddress(a: UdpAddress, b: UdpAddress): boolean {
  return a.port === b.port && a.hostname === b.hostname;
}
