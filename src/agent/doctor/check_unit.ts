import { join } from "node:path";
import type { DoctorFinding } from "./doctor_finding.ts";
import type { DoctorParts } from "./doctor_parts.ts";

/** Whether systemd starts the agent, and leaves the tunnel's daemon alone when it ends it. */
export async function checkUnit({ unitFolders, agent }: DoctorParts): Promise<DoctorFinding[]> {
  const unit = await findUnit(unitFolders);
  if (unit === null) {
    return [{
      code: "unit",
      severity: "note",
      detail: "No systemd unit starts the agent: it is not there after a reboot",
      remedy: "edgekeep systemd --agent prints one, for /etc/systemd/system/edgekeep-agent.service",
    }];
  }
  if (agent?.backend !== "kernel" && !/^\s*KillMode\s*=\s*process\s*$/m.test(unit.text)) {
    return [{
      code: "unit",
      severity: "warning",
      detail: `${unit.path} ends wireguard-go together with the agent: each restart interrupts the tunnels`,
      remedy: "Put KillMode=process into [Service]",
    }];
  }
  return [{ code: "unit", severity: "ok", detail: `${unit.path} starts the agent` }];
}

async function findUnit(folders: readonly string[]): Promise<{ readonly path: string; readonly text: string } | null> {
  for (const folder of folders) {
    try {
      for await (const { name } of Deno.readDir(folder)) {
        if (!/^edgekeep[\w@-]*\.service$/.test(name)) continue;
        const path = join(folder, name);
        const text = await Deno.readTextFile(path);
        if (/^\s*ExecStart\s*=.*\bagent\s+run\b/m.test(text)) return { path, text };
      }
    } catch (error) {
      // a folder that is not there, or not to be read, has no unit for us
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) continue;
      if (error instanceof Deno.errors.PermissionDenied) continue;
      throw error;
    }
  }
  return null;
}
