import type { DoctorFinding } from "./doctor_finding.ts";
import type { DoctorParts } from "./doctor_parts.ts";

/** Whether the clock is behind a time that this node has used: WireGuard peers refuse handshakes then (mesh-wire §5.8). */
export function checkTimeFloor({ timeFloorUs, nowUs }: DoctorParts): Promise<DoctorFinding[]> {
  if (timeFloorUs === null) return Promise.resolve([]);
  const behindS = Math.ceil((timeFloorUs - nowUs()) / 1_000_000);
  return Promise.resolve([
    behindS > 1
      ? {
        code: "time_floor",
        severity: "error",
        detail: `This machine's clock is ${behindS} s behind a time that it had before: peers refuse its handshakes`,
        remedy:
          "Set the clock: timedatectl set-ntp true. A machine without a clock of its own needs one, or NTP at boot",
      }
      : { code: "time_floor", severity: "ok", detail: "The clock has not gone back" },
  ]);
}
