import assert from "node:assert/strict";
import { operations } from "../../src/policy/operations.ts";
import { type Role, roleIncludes, roles } from "../../src/policy/roles.ts";
import { jsonSchemaOf } from "../../src/web/query_params.ts";
import { startWeb } from "../../src/web/start_web.ts";
import { accessWorld, setupCodeIn } from "../lib/access_world.ts";
import { OperationsWorld } from "../lib/operations_world.ts";
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

Deno.test("an appliance from its first start to a paired phone, over HTTP alone", async () => {
  await using world = await OperationsWorld.open({ claimed: false });
  const { site, access, audit, debug } = world;
  const server = await startWeb(site.options({ access, audit, debug, operations: world.operations }));
  let credential: Record<string, string> = {};
  const ask = async (method: string, path: string, body?: unknown) =>
    await fetch(`${server.url}/api/v1${path}`, {
      method,
      headers: { "content-type": "application/json", origin: server.url, ...credential },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const done = async (method: string, path: string, body?: unknown) => {
    const answer = await ask(method, path, body);
    const result = await answer.json();
    assert.equal(answer.status, 200, `${method} ${path}: ${JSON.stringify(result)}`);
    return { result, cookie: (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "" };
  };
  const refused = async (status: number, code: string, method: string, path: string, body?: unknown) => {
    const answer = await ask(method, path, body);
    const problem = await answer.json();
    assert.deepEqual([answer.status, problem.code], [status, code], `${method} ${path}: ${JSON.stringify(problem)}`);
    return problem;
  };
  const anna = { user: "anna", password: "correct horse battery" };
  const tag = "a840410000000001/temperature";
  try {
    assert.equal((await done("GET", "/session")).result.state, "unclaimed");
    await refused(403, "not_set_up", "POST", "/session", anna);
    await refused(403, "permission_denied", "POST", "/setup/claim", { code: "AAAA-AAAA-AAAA", ...anna });
    const claimed = await done("POST", "/setup/claim", { code: await setupCodeIn(world.folder), ...anna });
    assert.deepEqual([claimed.result.name, claimed.result.role], ["anna", "admin"]);
    await refused(409, "conflict", "POST", "/setup/claim", { code: "AAAA-AAAA-AAAA", ...anna });
    await refused(403, "permission_denied", "GET", "/users");
    await refused(401, "unauthenticated", "POST", "/session", { ...anna, password: "not this one" });

    credential = { cookie: (await done("POST", "/session", anna)).cookie };
    await done("POST", "/users", { name: "otto", password: "an operator of the plant", role: "operator" });
    const problem = await refused(400, "bad_params", "POST", "/users", { name: "x", password: "y", rolle: "viewer" });
    assert(problem.detail.length > 10 && problem.auditId !== undefined);
    await refused(404, "not_found", "DELETE", "/users/nobody");
    await refused(403, "debug_locked", "POST", "/tags/force", { id: tag, value: 3 });
    await done("POST", "/debug/unlock", { minutes: 5 });
    assert.match((await done("GET", "/session")).result.debugOpenUntil, /Z$/);
    await done("POST", "/tags/force", { id: tag, value: 3 });
    assert.equal((await done("GET", `/tags/${tag}`)).result.value, 3);

    const { result: pairing } = await done("POST", "/pairing", { label: "Otto's phone", role: "operator", days: 30 });
    const admin = credential;
    credential = {};
    const { result: paired } = await done("POST", "/pairing/claim", { code: pairing.code });
    const phone = await done("POST", "/session", { token: paired.token });
    assert.deepEqual([phone.result.principal.name, phone.result.principal.role], ["Otto's phone", "operator"]);
    credential = { cookie: phone.cookie };
    await refused(403, "permission_denied", "GET", "/users");

    credential = admin;
    await done("DELETE", `/tokens/${paired.info.id}`);
    credential = { cookie: phone.cookie };
    await refused(401, "unauthenticated", "GET", "/tags");

    credential = admin;
    const { result: { records } } = await done("GET", "/audit?limit=1000");
    const seen = records.map(({ event, operation, outcome }: Record<string, string>) =>
      event === "operation" ? `${operation} ${outcome}` : event
    );
    for (
      const one of [
        "setup.claim ok",
        "login",
        "users.add ok",
        "users.add bad_params",
        "tags.force debug_locked",
        "tags.force ok",
        "pair.claim ok",
        "users.list permission_denied",
        "tokens.revoke ok",
        "web_auth_failed",
      ]
    ) assert(seen.includes(one), `${one} is not among ${seen.join(", ")}`);
    for (const secret of [anna.password, paired.token, pairing.code, "an operator of the plant"]) {
      assert(!JSON.stringify(records).includes(secret));
    }
    assert.equal((await done("GET", "/audit/verify")).result.ok, true);

    // a new password ends what the old one let in elsewhere
    credential = {};
    credential = { cookie: (await done("POST", "/session", anna)).cookie };
    await done("POST", "/password", { old: anna.password, next: "another long password" });
    credential = admin;
    await refused(401, "unauthenticated", "GET", "/users");
    credential = {};
    await refused(401, "unauthenticated", "POST", "/session", anna);
    await done("POST", "/session", { ...anna, password: "another long password" });
  } finally {
    await server.stop();
  }
});

Deno.test("the description of the API says what the operations take and give", async () => {
  await using world = await OperationsWorld.open();
  const { site, access, audit, debug, operations: real } = world;
  const server = await startWeb(site.options({ access, audit, debug, operations: real }));
  try {
    const document = await (await fetch(`${server.url}/api/v1/openapi.json`)).json();
    for (const { name, http, stream, role, params, result } of real.list()) {
      if (http === null || stream) continue;
      const found = document.paths[http.path.replaceAll(/:([a-z]+)/g, "{$1}")][http.method];
      const keys = [...http.path.matchAll(/:([a-z]+)/g)].map(([, key]) => key);
      const takes = Object.keys(jsonSchemaOf(params, "input")["properties"] ?? {}).sort();
      const described = [
        ...found.parameters.map((parameter: { name: string }) => parameter.name),
        ...Object.keys(found.requestBody?.content["application/json"].schema.properties ?? {}),
      ].sort();
      assert.deepEqual(described, takes, name);
      assert.deepEqual(
        found.parameters.filter((parameter: { in: string }) => parameter.in === "path")
          .map((parameter: { name: string }) => parameter.name),
        keys,
      );
      assert.deepEqual(found.responses["200"].content["application/json"].schema, jsonSchemaOf(result, "output"), name);
      assert.equal(found["x-role"], role);
      assert.equal(found.requestBody === undefined, http.method === "get", name);
    }
  } finally {
    await server.stop();
  }
});
