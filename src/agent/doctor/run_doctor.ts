import { checkFiles } from "./check_files.ts";
import { checkFirewall } from "./check_firewall.ts";
import { checkHub } from "./check_hub.ts";
import { checkMtu } from "./check_mtu.ts";
import { checkPaths } from "./check_paths.ts";
import { checkRoutes } from "./check_routes.ts";
import { checkTimeFloor } from "./check_time_floor.ts";
import { checkUnit } from "./check_unit.ts";
import { checkWireguard } from "./check_wireguard.ts";
import type { DoctorFinding } from "./doctor_finding.ts";
import type { DoctorCheck, DoctorParts } from "./doctor_parts.ts";

const checks: Readonly<Record<string, DoctorCheck>> = {
  hub: checkHub,
  time_floor: checkTimeFloor,
  paths: checkPaths,
  mtu: checkMtu,
  wireguard: checkWireguard,
  firewall: checkFirewall,
  routes: checkRoutes,
  files: checkFiles,
  unit: checkUnit,
};

const order = { error: 0, warning: 1, note: 2, ok: 3 } as const;

/** Where systemd looks for units, the owner's first. */
export const systemdUnitFolders: readonly string[] = [
  "/etc/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

/**
 * Looks at everything that an agent needs, at the same time; findings come the worst first. A check that cannot be made
 * is a finding itself, so this never rejects.
 */
export async function runDoctor(parts: DoctorParts): Promise<DoctorFinding[]> {
  const findings = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      try {
        return await check(parts);
      } catch (error) {
        return [failed(name, error)];
      }
    }),
  );
  return findings.flat().toSorted((a, b) => order[a.severity] - order[b.severity]);
}

function failed(name: string, error: unknown): DoctorFinding {
  const reason = error instanceof Error ? error.message : "of a reason that it does not tell";
  return {
    code: "check_failed",
    severity: "note",
    detail: `The check ${name} could not be made: ${reason}`.slice(0, 400),
  };
}
