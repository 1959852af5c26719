import assert from "node:assert/strict";
import { isLoopback } from "../../src/config/address.ts";
import { startWeb } from "../../src/web/start_web.ts";
import { EventStreamReader } from "../lib/event_stream.ts";
import { webConfig, WebWorld } from "../lib/web_world.ts";

/** An address of this machine that is not loopback: who connects to it comes from it, as from another machine. */
const address = Deno.networkInterfaces().find(({ family, address }) => family === "IPv4" && !isLoopback(address))
  ?.address;

Deno.test({
  name: "a browser on the plant's network logs in under the address it used, and no page of another name gets in",
  ignore: address === undefined,
  fn: async () => {
    const world = new WebWorld();
    world.access.addRole("anna", "correct horse", "admin");
    const server = await startWeb(world.options({ config: webConfig({ listen: "0.0.0.0:0" }) }));
    const url = `http://${address}:${server.port}`;
    const login = (origin: string) =>
      fetch(`${url}/api/v1/session`, {
        method: "POST",
        headers: { "content-type": "application/json", origin },
        body: JSON.stringify({ user: "anna", password: "correct horse" }),
      });
    const status = async (headers: Record<string, string>, path = "/api/v1/tags") => {
      const answer = await fetch(url + path, { headers });
      await answer.body?.cancel();
      return answer.status;
    };
    try {
      assert.equal(await status({}), 401, "nobody looks from another machine");
      assert.equal(await status({}, "/healthz"), 401);
      assert.equal(await status({ authorization: `Basic ${btoa("anna:correct horse")}` }), 401);
      assert.deepEqual(world.access.attempts, [], "a password in the clear is not even tried");
      const foreign = await login("http://evil.example");
      await foreign.body?.cancel();
      assert.equal(foreign.status, 403);

      const answer = await login(url);
      const session = await answer.json();
      assert.deepEqual([answer.status, session.secure, session.principal.role], [200, false, "admin"]);
      const cookie = answer.headers.get("set-cookie") ?? "";
      assert.match(cookie, /^edgekeep=/);
      assert(!/secure/i.test(cookie), "a browser would not send it back over plain HTTP");
      const headers = { cookie: cookie.split(";")[0] ?? "" };
      assert.equal(await status(headers), 200);
      const stream = new EventStreamReader(await fetch(`${url}/api/v1/tags/stream`, { headers }));
      await stream.until("tags");
      await stream.close();
      assert.deepEqual(world.audit.entries.map(({ event, address: from }) => [event, from]), [
        ["web_auth_failed", address],
        ["web_auth_failed", address],
        ["web_auth_failed", address],
        ["web_csrf_rejected", address],
        ["login", address],
      ]);

      using rebound = await Deno.connect({ hostname: address ?? "", port: server.port });
      const request = "GET /api/v1/session HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
      await rebound.write(new TextEncoder().encode(request));
      assert.match(await new Response(rebound.readable).text(), /^HTTP\/1\.1 403 [\s\S]*host_not_allowed/);
    } finally {
      await server.stop();
    }
  },
});
