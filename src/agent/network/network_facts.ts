import { z } from "zod";
import { complaintOf } from "./complaint_of.ts";
import type { RunProgram } from "./run_program.ts";

/** An address of this machine. */
export interface LocalAddress {
  readonly interface: string;
  readonly family: "inet" | "inet6";
  readonly address: string;
  readonly prefix: number;
  /** `link`: of use on its own network only, as fe80::/10; `host`: on this machine only. */
  readonly scope: string;
}

/** A route of this machine. */
export interface LocalRoute {
  /** As `192.0.2.0/24`, a single address, or `default`. */
  readonly destination: string;
  /** Empty for one that leads nowhere, as `unreachable`. */
  readonly interface: string;
  readonly gateway: string | null;
  /** `main`, `local`, or the table's own name or number. */
  readonly table: string;
}

/** This machine's addresses and routes at one moment. */
export interface NetworkFacts {
  readonly addresses: readonly LocalAddress[];
  /** Of IPv4 and IPv6. */
  readonly routes: readonly LocalRoute[];
}

const addressSchema = z.looseObject({
  family: z.enum(["inet", "inet6"]),
  local: z.string(),
  prefixlen: z.number(),
  scope: z.string(),
});
const linksSchema = z.array(z.looseObject({
  ifname: z.string().optional(),
  addr_info: z.array(z.unknown()).default([]),
}));
const routesSchema = z.array(z.looseObject({
  dst: z.string(),
  dev: z.string().default(""),
  gateway: z.string().optional(),
  table: z.string().default("main"),
}));

/**
 * Reads addresses and routes with `ip`.
 *
 * @throws ProgramError, or Error when `ip` fails or prints what it never does
 */
export async function readNetworkFacts(run: RunProgram, signal: AbortSignal): Promise<NetworkFacts> {
  // one program for both: it runs every few seconds
  const { code, stdout, stderr } = await run("ip", ["-j", "-batch", "-"], {
    stdin: "addr show\nroute show table all\n",
    signal,
  });
  if (code !== 0) throw new Error(`Cannot read this machine's network: ${complaintOf(stderr)}`);
  // each in a line of its own; without any route there is no line
  const [addresses = [], routes = []] = stdout.split("\n").filter((line) => line !== "").map((line) =>
    JSON.parse(line)
  );
  return {
    addresses: linksSchema.parse(addresses).flatMap(({ ifname = "", addr_info }) =>
      addr_info.flatMap((one) => {
        const { data } = addressSchema.safeParse(one);
        if (data === undefined) return [];
        const { family, local, prefixlen, scope } = data;
        return [{ interface: ifname, family, address: local, prefix: prefixlen, scope }];
      })
    ),
    routes: routesSchema.parse(routes).map(({ dst, dev, gateway = null, table }) => ({
      destination: dst,
      interface: dev,
      gateway,
      table,
    })),
  };
}
