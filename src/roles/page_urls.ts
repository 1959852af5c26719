import { isLoopback, isWildcard, listenAddress, urlHost } from "../config/address.ts";

/**
 * Addresses under which a browser reaches the page: those that other machines can use first, for the QR code on a
 * phone. Without a slash at the end.
 *
 * @param url where the listener says it is
 * @param listen `[runtime.web].listen`
 * @param machine IP addresses of this machine's interfaces
 */
export function pageUrls(url: string, listen: string, machine: readonly string[]): string[] {
  const { host } = listenAddress(listen);
  if (!isWildcard(host)) return [url];
  const { protocol, port } = new URL(url);
  const suffix = port === "" ? "" : `:${port}`;
  const reachable = machine
    // link-local IPv6 addresses need a zone that only this machine knows
    .filter((address) => !isLoopback(address) && !/^fe80:/i.test(address))
    .filter((address) => host !== "0.0.0.0" || !address.includes(":"))
    .toSorted((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
  return [...reachable, "127.0.0.1"].map((address) => `${protocol}//${urlHost(address)}${suffix}`);
}
