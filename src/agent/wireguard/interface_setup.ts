import { z } from "zod";
import { complaintOf } from "../network/complaint_of.ts";
import { ProgramError, type RunProgram } from "../network/run_program.ts";
import { DeviceError } from "./wireguard_device.ts";

const linkSchema = z.array(z.looseObject({
  ifname: z.string().optional(),
  flags: z.array(z.string()).default([]),
  mtu: z.number().default(0),
  linkinfo: z.looseObject({ info_kind: z.string().optional() }).optional(),
  addr_info: z.array(z.looseObject({ family: z.string(), local: z.string(), prefixlen: z.number() })).default([]),
}));

/** An interface as `ip` shows it. */
export interface LinkFacts {
  /** `wireguard`, `tun`, …; empty for one that has no kind, as a network card. */
  readonly kind: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly addresses: readonly { readonly family: string; readonly local: string; readonly prefixlen: number }[];
}

const routeSchema = z.array(z.looseObject({ dst: z.string(), scope: z.string().optional() }));

/** What the setting up needs to know. */
export interface InterfaceContext {
  readonly name: string;
  readonly run: RunProgram;
  readonly signal: AbortSignal;
}

/** The interface, or `null` when there is none of the name. */
export async function readLink({ name, run, signal }: InterfaceContext): Promise<LinkFacts | null> {
  const { code, stdout, stderr } = await run("ip", ["-j", "-d", "addr", "show", "dev", name], { signal });
  if (code !== 0) {
    if (/does not exist|Cannot find device/.test(stderr)) return null;
    throw new DeviceError("failed", `Cannot read the interface ${name}: ${complaintOf(stderr)}`);
  }
  // `ip` fills the list with empty objects for interfaces that a filter leaves out
  const link = linkSchema.parse(JSON.parse(stdout)).find(({ ifname }) => ifname === name);
  if (link === undefined) return null;
  return {
    kind: link.linkinfo?.info_kind ?? "",
    up: link.flags.includes("UP"),
    mtu: link.mtu,
    addresses: link.addr_info,
  };
}

/**
 * Takes IPv6 off the interface: WireGuard's peers have none here, and a link-local address would be reachable without a
 * rule. Where the setting cannot be written, as in a container or without procps, the interface gets no address of its
 * own accord at least; a kernel without IPv6 has nothing to take off. The firewall drops IPv6 there in any case.
 */
export async function disableIpv6({ name, run, signal }: InterfaceContext): Promise<void> {
  try {
    const { code } = await run("sysctl", ["-qw", `net.ipv6.conf.${name}.disable_ipv6=1`], { signal });
    if (code === 0) return;
  } catch (error) {
    if (!(error instanceof ProgramError && error.code === "missing")) throw error;
  }
  await run("ip", ["link", "set", "dev", name, "addrgenmode", "none"], { signal });
}

/**
 * Makes address, MTU and state of the interface what they should be; changes nothing that is so. It is looked after every
 * few seconds, and each program that it runs costs a small machine milliseconds.
 *
 * @param link as {@link readLink} told just now
 */
export async function setUpInterface(
  context: InterfaceContext,
  link: LinkFacts | null,
  { meshIp, mtu, up }: { readonly meshIp: string; readonly mtu: number; readonly up: boolean },
): Promise<void> {
  const { name } = context;
  if (link === null) throw new DeviceError("gone", `The tunnel interface ${name} is gone`);
  // an interface that is up and may have IPv6 has an address of it, by its own doing
  if (!link.up || link.addresses.some(({ family }) => family === "inet6")) await disableIpv6(context);
  const ours = (address: LinkFacts["addresses"][number]) => address.local === meshIp && address.prefixlen === 32;
  const ipv4 = link.addresses.filter(({ family }) => family === "inet");
  const commands = [
    ...link.mtu === mtu ? [] : [`link set dev ${name} mtu ${mtu}`],
    ...ipv4.filter((address) => !ours(address)).map(({ local, prefixlen }) =>
      `addr del ${local}/${prefixlen} dev ${name}`
    ),
    ...ipv4.some(ours) ? [] : [`addr add ${meshIp}/32 dev ${name}`],
    ...link.up === up ? [] : [`link set dev ${name} ${up ? "up" : "down"}`],
  ];
  await batch(context, commands, "set up");
}

/**
 * Makes one host route to each address, and no other, lead to the interface. Routes that are there already are not
 * touched. Does nothing while the interface is down: it has no routes then.
 */
export async function setUpRoutes(context: InterfaceContext, meshIps: readonly string[]): Promise<void> {
  const { name, run, signal } = context;
  const { code, stdout, stderr } = await run("ip", ["-4", "-j", "route", "show", "dev", name], { signal });
  if (code !== 0) {
    if (/does not exist|Cannot find device/.test(stderr)) {
      throw new DeviceError("gone", `The tunnel interface ${name} is gone`);
    }
    throw new DeviceError("failed", `Cannot read the routes of ${name}: ${complaintOf(stderr)}`);
  }
  const present = new Set(routeSchema.parse(stdout.trim() === "" ? [] : JSON.parse(stdout)).map(({ dst }) => dst));
  const wanted = new Set(meshIps);
  const commands = [
    ...[...present].filter((dst) => !wanted.has(dst)).map((dst) => `route del ${dst} dev ${name}`),
    ...[...wanted].filter((dst) => !present.has(dst)).map((dst) => `route replace ${dst}/32 dev ${name} scope link`),
  ];
  if (commands.length === 0 || (await readLink(context))?.up === false) return;
  await batch(context, commands, "set the routes of");
}

async function batch(
  { name, run, signal }: InterfaceContext,
  commands: readonly string[],
  what: string,
): Promise<void> {
  if (commands.length === 0) return;
  const { code, stderr } = await run("ip", ["-batch", "-"], { stdin: `${commands.join("\n")}\n`, signal });
  if (code === 0) return;
  if (/Cannot find device/.test(stderr)) throw new DeviceError("gone", `The tunnel interface ${name} is gone`);
  if (/Address already in use/.test(stderr)) {
    throw new DeviceError(
      "port_taken",
      `Cannot ${what} ${name}: another program has the UDP port of the tunnels; choose another [agent].listen_port`,
    );
  }
  if (/Operation not permitted/.test(stderr)) {
    throw new DeviceError("not_permitted", `Cannot ${what} ${name}: the agent needs the capability CAP_NET_ADMIN`);
  }
  throw new DeviceError("failed", `Cannot ${what} ${name}: ${complaintOf(stderr)}`);
}
