/**
 * A role in the gateway's place that asks the supervisor for whatever it is told to over HTTP, and that fails where its
 * configuration says so: the site "refuse" is not taken over, the name "broken" does not start, the name "silent" never
 * gets ready.
 */
import { getLogger } from "@logtape/logtape";
import { listenAddress } from "../../../src/config/address.ts";
import type { Config } from "../../../src/config/schema.ts";
import type { HostCallName } from "../../../src/supervisor/role_protocol.ts";
import { HostRefusal } from "../../../src/supervisor/role_protocol.ts";
import { type RolePort, serveRole } from "../../../src/supervisor/serve_role.ts";

const log = getLogger(["edgekeep", "scripted"]);

serveRole(self as unknown as RolePort, {
  start: async (start, host) => {
    if (start.role !== "gateway") throw new RangeError("Cannot run this role");
    let config: Config = start.config;
    if (config.gateway.name === "broken") throw new Error("It does not start under this name");
    if (config.gateway.name === "silent") await new Promise(() => {});
    const audited: unknown[] = [];
    const { host: hostname, port } = listenAddress(config.runtime.web.listen);
    const server = Deno.serve({ hostname, port, onListen: () => {} }, async (request) => {
      const { name, request: asked } = await request.json() as { name: HostCallName | "state"; request: never };
      log.debug("Asked for {name}", { event: "asked", name });
      if (name === "state") return Response.json({ config, audited, restarts: start.restarts });
      try {
        return Response.json({ ok: true, value: await host.call(name, asked) });
      } catch (error) {
        if (!(error instanceof HostRefusal)) throw error;
        return Response.json({ ok: false, code: error.code, message: error.message });
      }
    });
    return {
      ready: { listening: { http: `http://${hostname}:${port}` } },
      reconfigure(change) {
        if (change.config.gateway.site === "refuse") return Promise.reject(new Error("This site is not taken over"));
        config = change.config;
        return Promise.resolve();
      },
      audit: (entry) => void audited.push(entry),
      stop: () => server.shutdown(),
    };
  },
  failure: (error) => ({
    code: "failed",
    exitCode: 1,
    message: error instanceof Error ? error.message : String(error),
  }),
});
