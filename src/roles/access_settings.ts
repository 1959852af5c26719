import type { AccessSettings } from "../access/access.ts";
import type { Config } from "../config/schema.ts";
import type { ConfiguredRole } from "../policy/configured_role.ts";

/** What the configuration says about credentials. A hub does not use `[opcua]`, nor the user that it names. */
export function accessSettings(
  { opcua, runtime: { control, web } }: Config,
  role: ConfiguredRole = "gateway",
): AccessSettings {
  const { user_name: name, user_password: password } = opcua;
  return {
    configUser: role === "hub" || name === undefined || password === undefined ? null : { name, password },
    controlToken: control.auth_token ?? null,
    sessionIdleMs: web.session_idle_minutes * 60_000,
  };
}
