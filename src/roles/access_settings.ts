import type { AccessSettings } from "../access/access.ts";
import type { Config } from "../config/schema.ts";

/** What the configuration says about credentials. */
export function accessSettings({ opcua, runtime: { control, web } }: Config): AccessSettings {
  const { user_name: name, user_password: password } = opcua;
  return {
    configUser: name === undefined || password === undefined ? null : { name, password },
    controlToken: control.auth_token ?? null,
    sessionIdleMs: web.session_idle_minutes * 60_000,
  };
}
