import { troubleOf } from "../../history/sqlite_error.ts";
import { HubRefusal } from "../../mesh/hub_admin.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import { HubRequestRefused } from "../hub_core.ts";

/** The disk refuses what the hub has to store. `HubCore` and `HubAdmin` turn it into their own refusals. */
export class StoreRefused extends Error {
  override readonly name = "StoreRefused";
}

/**
 * What to throw for an error out of a transaction: refusals as they are; what SQLite says of the disk as
 * {@link StoreRefused}, after telling of it.
 */
export function storeTrouble(error: unknown, tell: (trouble: unknown) => void): unknown {
  if (error instanceof HubRefusal || error instanceof HubRequestRefused || error instanceof MeshError) return error;
  const trouble = troubleOf(error);
  if (trouble === "other") return error;
  tell(error);
  return new StoreRefused(`The hub's store cannot be written (${trouble}): free space or mend the disk`, {
    cause: error,
  });
}
