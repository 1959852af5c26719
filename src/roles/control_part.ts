import type { Config } from "../config/schema.ts";
import { type ControlHandle, startControl } from "../control/start_control.ts";
import type { Operations } from "../operations/operation.ts";
import type { Foundation } from "./open_foundation.ts";
import { RestartablePart } from "./restartable_part.ts";

/** The control endpoint of a role, whichever it is, as its configuration of the moment asks for it. */
export function controlPart(
  { audit, access, certificate, faults }: Foundation,
  config: () => Config,
  operations: Operations,
  nowUs: () => number,
): RestartablePart<ControlHandle> {
  return new RestartablePart<ControlHandle>({
    name: "control",
    faults,
    start: async () => {
      const { control } = config().runtime;
      if (!control.enabled) return null;
      return await startControl({
        config: control,
        certificate: certificate.current,
        operations,
        access,
        audit,
        faults,
        nowUs,
      });
    },
  });
}
