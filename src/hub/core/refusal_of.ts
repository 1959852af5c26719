import { MeshError } from "../../mesh/mesh_error.ts";
import { HubRequestRefused } from "../hub_core.ts";

/** Turns what reading a node's objects throws into a refusal; other errors pass. */
export function refusalOf(error: unknown, code: string): HubRequestRefused | null {
  if (error instanceof HubRequestRefused) return error;
  if (!(error instanceof MeshError)) return null;
  return new HubRequestRefused(code, error.code === "E_SIZE" ? 413 : 400, `${error.message} (${error.code})`);
}
