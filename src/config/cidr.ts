/** An IPv4 network: its address and the length of its prefix. */
export interface Cidr {
  /** The network's address as a number of 32 bits. */
  readonly network: number;
  /** 0 to 32. */
  readonly prefix: number;
}

/** Networks that no address of the Internet lies in (RFC 1918 §3, RFC 6598 §7). */
const privateNetworks: readonly Cidr[] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"].map((
  text,
) =>
  // each is one
  parseCidr(text) ?? { network: 0, prefix: 0 }
);

/** Reads `a.b.c.d/prefix`, whose bits behind the prefix must be 0, or answers `null` when the text is none. */
export function parseCidr(text: string): Cidr | null {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (found === null) return null;
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = found.slice(1).map(Number);
  if ([a, b, c, d].some((part) => part > 255) || prefix > 32 || found.slice(1).some((part) => /^0\d/.test(part))) {
    return null;
  }
  const network = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  return network % 2 ** (32 - prefix) === 0 ? { network, prefix } : null;
}

/** Whether every address of the network is one for private use. */
export function isPrivateCidr({ network, prefix }: Cidr): boolean {
  return privateNetworks.some((one) =>
    prefix >= one.prefix &&
    Math.floor(network / 2 ** (32 - one.prefix)) === Math.floor(one.network / 2 ** (32 - one.prefix))
  );
}

/** Addresses of the network that hosts can have: without its own and the broadcast address. */
export function cidrHosts({ prefix }: Cidr): number {
  return Math.max(0, 2 ** (32 - prefix) - 2);
}
