import type { z } from "zod";
import { MeshError } from "./mesh_error.ts";

/**
 * Reads a value with a schema. The error names the place and the rule, never the value: that came from somebody else.
 *
 * @param what for the message: "ek.node", "The payload of tick"
 * @throws MeshError `E_FORM`
 */
export function parseShape<S extends z.ZodType>(schema: S, value: unknown, what: string): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  // A path holds names of members: ours, but for unknown ones, which zod puts into the message instead.
  const place = issue?.path.join(".") ?? "";
  throw new MeshError("E_FORM", `${what} is not of its form${place === "" ? "" : ` at '${place}'`}: ${issue?.code}`);
}
