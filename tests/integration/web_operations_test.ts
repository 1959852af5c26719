import assert from "node:assert/strict";
import { operations } from "../../src/policy/operations.ts";
import { type Role, roleIncludes, roles } from "../../src/policy/roles.ts";
import { startWeb } from "../../src/web/start_web.ts";
import { accessWorld } from "../lib/access_world.ts";
import { webConfig, WebWorld } from "../lib/web_world.ts";

const offered = Object.entries(operations).flatMap(([name, { http, role, stream }]) =>
  http === null || stream ? [] : [{ name, role, ...http }]
);

Deno.test("every operation at its address lets in whom the table says, by cookie and by token", async (test) => {
  assert(offered.length > 35);
  await using store = await accessWorld();
  const { access } = store;
  await access.addUser({ name: "root", password: "the first of them", role: "admin" });
  const world = new WebWorld();
  const server = await startWeb(world.options({ access, config: webConfig({ auth: "token" }) }));
  const login = async (role: Role): Promise<Record<string, string>> => {
    await access.addUser({ name: role, password: `the ${role} has a password`, role });
    const answer = await fetch(`${server.url}/api/v1/session`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: server.url },
      body: JSON.stringify({ user: role, password: `the ${role} has a password` }),
    });
    await answer.body?.cancel();
    return { cookie: (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "", origin: server.url };
  };
  const token = (role: Role): Record<string, string> => {
    const { token } = access.createToken({ label: role, role, lifetimeSeconds: null }, "root");
    return { authorization: `Bearer ${token}` };
  };
  try {
    const callers: [string, Role | null, Record<string, string>][] = [["nobody", null, {}]];
    for (const role of roles) callers.push([role, role, await login(role)], [role, role, token(role)]);
    for (const [caller, has, headers] of callers) {
      await test.step(`${caller} with ${Object.keys(headers)[0] ?? "nothing"}`, async () => {
        for (const { name, role, method, path } of offered) {
          const reached = world.operations.calls.length;
          const answer = await fetch(server.url + path.replaceAll(/:[a-z]+/g, "thing"), {
            method: method.toUpperCase(),
            headers: { "content-type": "application/json", ...headers },
            ...(method === "get" ? {} : { body: "{}" }),
          });
          const body = await answer.json();
          const may = role === null || (has !== null && roleIncludes(has, role));
          assert.equal(answer.status, may ? 200 : has === null ? 401 : 403, `${name}: ${JSON.stringify(body)}`);
          assert.equal(
            body[may ? "name" : "code"],
            may ? name : has === null ? "unauthenticated" : "permission_denied",
          );
          const [call] = world.operations.calls.slice(reached);
          // whoever is known is judged by the operations themselves, which put it on record
          assert.equal(call?.name, has === null && role !== null ? undefined : name);
          if (role !== null) assert.equal(call?.caller.principal?.name, has === null ? undefined : caller);
        }
      });
    }
  } finally {
    await server.stop();
  }
});

Deno.test("a stream operation and those without an address are not at any", async () => {
  const world = new WebWorld();
  const { token } = world.access.createToken({ label: "root", role: "admin", lifetimeSeconds: null }, "root");
  const server = await startWeb(world.options());
  try {
    for (const path of ["/api/v1/hello", "/api/v1/tags/subscribe", "/api/v1/debug/trace", "/api/v1/operations"]) {
      const answer = await fetch(server.url + path, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      });
      await answer.body?.cancel();
      assert.equal(answer.status, 404, path);
    }
    assert.equal(world.operations.calls.length, 0);
  } finally {
    await server.stop();
  }
});
