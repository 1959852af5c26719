import { z } from "zod";
import { meshMtu } from "../../mesh/constants.ts";
import type { DoctorFinding } from "./doctor_finding.ts";
import type { DoctorParts } from "./doctor_parts.ts";

/** What WireGuard adds to a packet that goes over IPv4: IP 20, UDP 8, its own header and tag 32. */
const overheadBytes = 60;
const leastMtu = meshMtu + overheadBytes;

const routeSchema = z.array(
  z.looseObject({ dev: z.string(), metrics: z.array(z.looseObject({ mtu: z.number().optional() })).optional() }),
);
const linkSchema = z.array(z.looseObject({ mtu: z.number() }));

/** Whether the interface towards the hub lets the tunnel's packets pass unfragmented. */
export async function checkMtu({ run, signal, observers }: DoctorParts): Promise<DoctorFinding[]> {
  const target = observers.map((address) => /^([\d.]+):\d+$/.exec(address)?.[1]).find((ip) => ip !== undefined) ??
    "192.0.2.1";
  const route = await run("ip", ["-j", "route", "get", target], { signal });
  if (route.code !== 0) {
    return [{
      code: "mtu",
      severity: "error",
      detail: `This machine has no route to ${target}`,
      remedy: "Give it a default route: nothing outside of its own networks can be reached",
    }];
  }
  const [way] = routeSchema.parse(JSON.parse(route.stdout));
  if (way === undefined) return [];
  const { stdout } = await run("ip", ["-j", "link", "show", "dev", way.dev], { signal });
  const [link] = linkSchema.parse(JSON.parse(stdout));
  const mtu = way.metrics?.find(({ mtu }) => mtu !== undefined)?.mtu ?? link?.mtu ?? 0;
  return [
    mtu >= leastMtu
      ? { code: "mtu", severity: "ok", detail: `Packets of the tunnel fit: ${way.dev} takes ${mtu} bytes` }
      : {
        code: "mtu",
        severity: "warning",
        detail: `${way.dev} takes ${mtu} bytes; packets of the tunnel have up to ${leastMtu} and are fragmented`,
        remedy: "Raise the MTU of the interface, or of the tunnel or modem behind it",
      },
  ];
}
