import { ProgramError } from "../network/run_program.ts";
import type { DoctorFinding } from "./doctor_finding.ts";
import type { DoctorParts } from "./doctor_parts.ts";

/** The oldest wireguard-go that was tried; Debian 12 has it. Earlier ones are not known to work. */
const oldestTried = 20220316;

/** Which WireGuard this machine can use, and whether it is the one that is asked for. */
export async function checkWireguard(parts: DoctorParts): Promise<DoctorFinding[]> {
  const { backend, agent } = parts;
  const daemon = await daemonVersion(parts);
  const kernel = backend === "userspace" ? "unasked" : await kernelBackend(parts);
  const findings: DoctorFinding[] = [];
  if (kernel === "yes" || agent?.backend === "kernel") {
    findings.push({ code: "wireguard", severity: "ok", detail: "The kernel has WireGuard" });
  } else if (kernel === "no_program") {
    findings.push({
      code: "wireguard",
      severity: backend === "kernel" || daemon === null ? "error" : "note",
      detail: "The kernel has WireGuard, but the program wg that sets it is missing",
      remedy: "Install the package wireguard-tools",
    });
  } else if (kernel === "unknown") {
    findings.push({
      code: "wireguard",
      severity: "note",
      detail: "Whether the kernel has WireGuard can only root find out",
      remedy: "Run this as root",
    });
  } else if (backend === "kernel") {
    findings.push({
      code: "wireguard",
      severity: "error",
      detail: 'The kernel has no WireGuard, and [agent].backend = "kernel" asks for it',
      remedy: 'Set [agent].backend = "auto" and install wireguard-go, or load the module: modprobe wireguard',
    });
  } else {
    findings.push(
      daemon === null
        ? {
          code: "wireguard",
          severity: "error",
          detail: "This machine has no WireGuard: neither the kernel's nor wireguard-go",
          remedy: "Install the package wireguard-go, or wireguard-tools and a kernel with the module wireguard",
        }
        : {
          code: "wireguard",
          severity: "ok",
          detail: "Tunnels go by wireguard-go" + (backend === "userspace" ? "" : ": the kernel has no WireGuard"),
        },
    );
  }
  if (daemon !== null) findings.push(versionFinding(daemon));
  return findings;
}

/** Tries to make an interface, which is the only sure way to know, and takes it away again. */
async function kernelBackend({ run, signal }: DoctorParts): Promise<"yes" | "no" | "no_program" | "unknown"> {
  const name = `ekd${crypto.randomUUID().slice(0, 8)}`;
  const { code, stderr } = await run("ip", ["link", "add", "dev", name, "type", "wireguard"], { signal });
  if (code !== 0) return /Operation not permitted/.test(stderr) ? "unknown" : "no";
  await run("ip", ["link", "del", "dev", name]);
  try {
    await run("wg", ["--version"], { signal });
    return "yes";
  } catch (error) {
    if (error instanceof ProgramError && error.code === "missing") return "no_program";
    throw error;
  }
}

/** What `wireguard-go --version` prints; `null`: it is not installed. */
async function daemonVersion({ run, signal }: DoctorParts): Promise<string | null> {
  try {
    const { stdout, stderr } = await run("wireguard-go", ["--version"], { signal });
    return /wireguard-go v?([\w.+-]{1,40})/.exec(stdout + stderr)?.[1] ?? "unknown";
  } catch (error) {
    if (error instanceof ProgramError && error.code === "missing") return null;
    throw error;
  }
}

function versionFinding(version: string): DoctorFinding {
  const date = Number(/\.(\d{8})\b/.exec(version)?.[1] ?? NaN);
  return date < oldestTried
    ? {
      code: "wireguard_version",
      severity: "warning",
      detail: `wireguard-go ${version} is older than what this program was tried with`,
      remedy: `Install 0.0.${oldestTried} or later`,
    }
    : { code: "wireguard_version", severity: "ok", detail: `wireguard-go ${version}` };
}
