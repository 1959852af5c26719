/**
 * A process like `edgekeep run` or `edgekeep hub run`, with another role in its place: the first argument is the role's
 * entry, the second the text of a configuration, the third what the role gets as `lastCrash`. Prints what it reports when
 * ready.
 */
import { configSchema } from "../../../src/config/schema.ts";
import { withAbsolutePaths } from "../../../src/config/paths.ts";
import { codePaths } from "../../../src/supervisor/code_paths.ts";
import { roleOf } from "../../../src/policy/configured_role.ts";
import { configuredGrants, permissionsOf } from "../../../src/supervisor/permissions.ts";
import { supervise } from "../../../src/supervisor/supervisor.ts";
import { configureLog } from "../../../src/telemetry/log.ts";

const [entry = "", text = "{}", message = ""] = Deno.args;
const config = withAbsolutePaths(configSchema.parse(JSON.parse(text)), "/");
const role = roleOf(config);
const permissions = permissionsOf(configuredGrants(role, config, {
  codePaths: codePaths(new URL("../../../src/main.ts", import.meta.url)),
}));
const log = await configureLog(config.logging, []);
const stop = new AbortController();
const code = await supervise([{
  name: role,
  entry: new URL(entry),
  permissions: () => permissions,
  start: (restarts) => ({ role, config, logLevel: "info", restarts, lastCrash: message }),
}], {
  signal: stop.signal,
  log,
  onReady: (_name, info) => {
    console.log(JSON.stringify(info.listening));
    stop.abort();
  },
});
await log.dispose();
Deno.exit(code);
