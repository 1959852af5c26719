/**
 * What applying a change does: `live` nobody notices; `control`, `web`, `source`, `opcua` that part alone restarts;
 * `worker` all parts restart and OPC UA sessions drop; `process` it counts at the next start of the service alone.
 */
export type ReloadEffect = "live" | RestartedPart | "worker" | "process";

/** A part of the gateway that can restart alone. */
export type RestartedPart = "control" | "web" | "source" | "opcua";
