import { AccessError } from "./access.ts";

/** The refusal after something is in force but not on the disk. */
export function notDurable(what: string): AccessError {
  return new AccessError("unavailable", `${what}, but the disk refuses to store it: a restart would undo it`, {
    fix: "Free space, or make data_dir writable; the gateway keeps trying",
  });
}
