import { isIPv6 } from "node:net";
import { unmapped } from "./address.ts";

/**
 * What throttles, caps and counts take an address for: an IPv6 address by its /64, because one customer has all of it (RFC 6177), an
 * IPv4 address in IPv6 form as itself, `local` and anything that is no address as it stands.
 */
export function addressKey(address: string): string {
  const plain = unmapped(address).replace(/%.*$/, "");
  if (!isIPv6(plain)) return plain.slice(0, 64).toLowerCase();
  // the URL standard writes IPv6 in its shortest form, with embedded IPv4 as hexadecimal
  const short = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const [left = "", right] = short.split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const groups = [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail];
  if (groups.slice(0, 5).every((group) => group === "0") && groups[5] === "ffff") {
    const [high = 0, low = 0] = groups.slice(6).map((group) => parseInt(group, 16));
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  }
  // loopback has no network of its own to stand for
  if (groups.slice(0, 7).every((group) => group === "0")) return short;
  return `${groups.slice(0, 4).join(":")}::/64`;
}
