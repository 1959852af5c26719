import type { ConfiguredRole } from "./configured_role.ts";

/**
 * What applying a change does: `live` nobody notices; `control`, `web`, `source`, `opcua` that part alone restarts;
 * `worker` all parts restart and OPC UA sessions drop; `process` it counts at the next start of the service alone.
 */
export type ReloadEffect = "live" | RestartedPart | "worker" | "process";

/** A part of the gateway that can restart alone. */
export type RestartedPart = "control" | "web" | "source" | "opcua";

/** From the one that disturbs least to the one that disturbs most. */
const strength: readonly ReloadEffect[] = ["live", "source", "control", "web", "opcua", "worker", "process"];

/** Keys and tables of the configuration and what changing them does; the longest one that fits a key counts. */
const effects: Readonly<Record<string, readonly ReloadEffect[]>> = {
  // part of endpoints, certificates and greetings that were made at the start
  "gateway.name": ["worker"],
  "gateway.site": ["live"],
  // the supervisor keeps its versions there
  "gateway.data_dir": ["process"],

  "chirpstack": ["source"],

  "opcua": ["opcua"],
  "opcua.user_name": ["live"],
  "opcua.user_password": ["live"],
  // defined with the tags, which judge their age by it
  "opcua.stale_threshold_seconds": ["live"],

  "storage": ["worker"],
  // defined with the tags
  "storage.retention_days": ["live"],

  "alarms": ["live"],
  "commands": ["live"],

  "logging.level": ["live"],
  // the files are opened once
  "logging.format": ["process"],
  "logging.dir": ["process"],
  "logging.max_file_bytes": ["process"],
  "logging.max_files": ["process"],

  "runtime.control": ["control"],
  "runtime.control.auth_token": ["live"],
  "runtime.control.mode": ["live"],
  "runtime.control.debug_enabled": ["live"],

  "runtime.web": ["web"],
  "runtime.web.allowed_hosts": ["live"],
  "runtime.web.allowed_origins": ["live"],
  "runtime.web.session_idle_minutes": ["live"],
  "runtime.web.requests_per_minute": ["live"],

  // both serve with it
  "runtime.tls": ["web", "control"],
  "runtime.tls.require_remote": ["live"],

  "runtime.remote": ["live"],

  // tags, address space, history, source, alarms and commands follow it while they run
  "application": ["live"],

  // the mesh's address, its ports and its keys are made at the start
  "hub": ["worker"],
};

/** Sections that a role does not use: changing them does nothing to what it runs. */
const unused: Readonly<Record<ConfiguredRole, readonly string[]>> = {
  gateway: ["hub", "agent"],
  hub: ["chirpstack", "opcua", "storage", "alarms", "commands", "application", "agent"],
};

/**
 * What changing a key does, as far as the key alone decides: a change that needs permissions which the running worker
 * lacks is `worker` besides.
 *
 * @param keys names alone, without positions: `["application", "device", "device_name"]`
 * @param role the role that runs with the configuration
 * @returns `null` for a key that the table does not know
 */
export function reloadEffects(
  keys: readonly string[],
  role: ConfiguredRole = "gateway",
): readonly ReloadEffect[] | null {
  if (unused[role].includes(keys[0] ?? "")) return ["live"];
  for (let length = keys.length; length > 0; length--) {
    const found = effects[keys.slice(0, length).join(".")];
    if (found !== undefined) return found;
  }
  return null;
}

/** The one that disturbs most; `null` of none. */
export function strongestEffect(of: Iterable<ReloadEffect>): ReloadEffect | null {
  let found = -1;
  for (const effect of of) found = Math.max(found, strength.indexOf(effect));
  return strength[found] ?? null;
}

/** Whether a text names a part that can restart alone. */
export function isRestartedPart(effect: ReloadEffect): effect is RestartedPart {
  return effect !== "live" && effect !== "worker" && effect !== "process";
}
