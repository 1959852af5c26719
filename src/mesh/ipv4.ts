/** A network of IPv4: 32-bit number of its first address, and its prefix length, 0 to 32. */
export interface Cidr {
  readonly network: number;
  readonly prefix: number;
}

/** An IPv4 address in dotted decimal, without leading zeros. */
export const ipv4Pattern = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;

/** The 32-bit number of an IPv4 address in dotted decimal without leading zeros; null for every other text. */
export function parseIpv4(text: string): number | null {
  if (!ipv4Pattern.test(text)) return null;
  return text.split(".").reduce((address, octet) => address * 256 + Number(octet), 0);
}

/** @param address 0…2^32−1 */
export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

/** A network as `10.100.0.0/16`, bits behind the prefix zero; null for every other text. */
export function parseCidr(text: string): Cidr | null {
  const match = /^([\d.]{7,15})\/(0|[1-9]\d?)$/.exec(text);
  const network = parseIpv4(match?.[1] ?? "");
  const prefix = Number(match?.[2]);
  if (network === null || prefix > 32 || network % cidrSize({ network, prefix }) !== 0) return null;
  return { network, prefix };
}

/** As {@link parseCidr} reads it. */
export function formatCidr({ network, prefix }: Cidr): string {
  return `${formatIpv4(network)}/${prefix}`;
}

/** Number of addresses, network and broadcast included. */
export function cidrSize({ prefix }: Cidr): number {
  return 2 ** (32 - prefix);
}

/** Whether an address lies in a network. */
export function cidrContains(cidr: Cidr, address: number): boolean {
  return address >= cidr.network && address < cidr.network + cidrSize(cidr);
}

/** Whether two networks share an address. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return a.network < b.network + cidrSize(b) && b.network < a.network + cidrSize(a);
}

/** Whether a host may have the address: inside, and neither the network's nor the broadcast address. */
export function isHostOf(cidr: Cidr, address: number): boolean {
  return address > cidr.network && address < cidr.network + cidrSize(cidr) - 1;
}
