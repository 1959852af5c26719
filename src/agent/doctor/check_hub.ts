import { HubRequestError } from "../hub_client/hub_requests.ts";
import type { DoctorFinding } from "./doctor_finding.ts";
import type { DoctorParts } from "./doctor_parts.ts";

/** A clock that is further off than this shows in logs and histories, s. */
const clockToleranceS = 5;

/** The hub, its pinned key, and this machine's clock beside the hub's. */
export async function checkHub({ hubTimeUs, nowUs }: DoctorParts): Promise<DoctorFinding[]> {
  if (hubTimeUs === null) {
    return [{
      code: "hub",
      severity: "note",
      detail: "This node has not joined a mesh",
      remedy: "edgekeep agent join",
    }];
  }
  let hubUs: number;
  try {
    hubUs = await hubTimeUs();
  } catch (error) {
    return [hubFailure(error)];
  }
  const aheadS = Math.round((nowUs() - hubUs) / 1_000_000);
  const off = Math.abs(aheadS) > clockToleranceS;
  return [
    { code: "hub", severity: "ok", detail: "The hub answers" },
    { code: "hub_pin", severity: "ok", detail: "The hub shows the TLS key that this node has pinned" },
    off
      ? {
        code: "clock",
        severity: "warning",
        detail: `This machine's clock is ${Math.abs(aheadS)} s ${aheadS > 0 ? "ahead of" : "behind"} the hub's`,
        remedy: "Set up time synchronisation on both: timedatectl set-ntp true",
      }
      : { code: "clock", severity: "ok", detail: "This machine's clock agrees with the hub's" },
  ];
}

function hubFailure(error: unknown): DoctorFinding {
  if (error instanceof HubRequestError && error.code === "wrong_pin") {
    return {
      code: "hub_pin",
      severity: "error",
      detail: error.message,
      remedy:
        "Somebody else may be answering for the hub. Compare the key with the one that 'edgekeep hub' shows; when " +
        "the hub really lost its key, recover it or join anew",
    };
  }
  return {
    code: "hub",
    severity: "error",
    detail: error instanceof Error ? error.message : "The hub does not answer as it should",
    remedy:
      "Check the address in the join token, name resolution, and that TCP to the hub's port passes. Tunnels go on",
  };
}
