import type { Config } from "../config/schema.ts";
import { connectControl, type ControlClient } from "../control/control_client.ts";
import type { ConfigChoice } from "./config_or_exit.ts";
import { findGateway } from "./terminal/reach.ts";

/**
 * Connects to the gateway that runs with this configuration on this machine, trusting its own certificate alone. Whoever
 * can read the configuration may use the token in it. Rejects as `connectControl` and `findGateway` do.
 */
export async function connectOwnGateway(
  choice: ConfigChoice,
  { runtime: { control } }: Config,
): Promise<ControlClient> {
  const { endpoint, tls } = await findGateway({
    ...(choice.config === undefined ? {} : { config: choice.config }),
    ...(choice.project === undefined ? {} : { project: choice.project }),
  });
  const asked = !endpoint.startsWith("unix:") || control.require_token;
  const token = asked ? Deno.env.get("EDGEKEEP_TOKEN") || control.auth_token : undefined;
  return await connectControl({ endpoint, token, ...(tls === undefined ? {} : { tls }) });
}
