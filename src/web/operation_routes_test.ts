import assert from "node:assert/strict";
import { webApp } from "../../tests/lib/web_request.ts";
import { WebWorld } from "../../tests/lib/web_world.ts";
import { type OperationErrorCode, operationErrorCodes } from "../operations/operation.ts";

function worldOfAdmin() {
  const world = new WebWorld();
  const { token } = world.access.createToken({ label: "script", role: "admin", lifetimeSeconds: null }, "anna");
  const web = webApp(world);
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const ask = (method: string, path: string, body?: string) =>
    web.get(path, { method, headers, ...(body === undefined ? {} : { body }) });
  return { world, web, ask };
}

Deno.test("parameters come from the path, the body and the query, each as its type", async () => {
  const { world, web, ask } = worldOfAdmin();
  using _ = web;
  const expected: [string, string, string | undefined, string, unknown][] = [
    ["PUT", "/api/v1/users/bob", '{"role":"viewer","disabled":true}', "users.set", {
      name: "bob",
      role: "viewer",
      disabled: true,
    }],
    ["PUT", "/api/v1/users/J%C3%BCrg%20%2F7", '{"name":"Jürg /7"}', "users.set", { name: "Jürg /7" }],
    ["DELETE", "/api/v1/tokens/abc", undefined, "tokens.revoke", { id: "abc" }],
    ["POST", "/api/v1/tokens/abc/renew", '{"days":null}', "tokens.renew", { id: "abc", days: null }],
    ["POST", "/api/v1/config/reload", undefined, "config.reload", {}],
    ["POST", "/api/v1/config/reload", "{}", "config.reload", {}],
    ["GET", "/api/v1/audit?limit=5&event=login", undefined, "audit.tail", { limit: 5, event: "login" }],
    ["GET", "/api/v1/audit?limit=many&other=7", undefined, "audit.tail", { limit: "many", other: "7" }],
    ["GET", "/api/v1/policy/explain?operation=tags.force&role=viewer", undefined, "policy.explain", {
      operation: "tags.force",
      role: "viewer",
    }],
  ];
  for (const [method, path, body, name, params] of expected) {
    const answer = await ask(method, path, body);
    assert.equal(answer.status, 200, path);
    assert.deepEqual(await answer.json(), { name, params }, path);
  }
  const { caller } = world.operations.calls[0] ?? assert.fail();
  assert.deepEqual([caller.address, caller.transport, caller.principal?.name], ["127.0.0.1", "http", "script"]);
});

Deno.test("what is no parameter list is refused before any operation sees it", async () => {
  const { world, web, ask } = worldOfAdmin();
  using _ = web;
  const refused: [string, string, string, string][] = [
    ["POST", "/api/v1/users", '{"password": "s3cret!', "bad_request"],
    ["POST", "/api/v1/users", "[]", "bad_request"],
    ["POST", "/api/v1/users", "null", "bad_request"],
    ["POST", "/api/v1/users", '"text"', "bad_request"],
    ["PUT", "/api/v1/users/bob", '{"name":"anna"}', "bad_params"],
  ];
  for (const [method, path, body, code] of refused) {
    const answer = await ask(method, path, body);
    const problem = await answer.json();
    assert.deepEqual([answer.status, problem.code], [400, code], body);
    assert(!JSON.stringify(problem).includes("s3cret!"));
  }
  assert.equal((await ask("GET", "/api/v1/audit?limit=1&limit=2")).status, 400);
  assert.equal((await ask("POST", "/api/v1/users", JSON.stringify({ name: "a".repeat(70_000) }))).status, 413);
  assert.equal(world.operations.calls.length, 0);
});

Deno.test("a whole configuration fits where one is asked for, counted while it is read", async () => {
  const { world, web, ask } = worldOfAdmin();
  using _ = web;
  const text = JSON.stringify({ text: "#".repeat(900_000) });
  for (const path of ["/api/v1/config/apply", "/api/v1/config/diff"]) {
    assert.equal((await ask("POST", path, text)).status, 200, path);
    assert.equal((await ask("POST", path, JSON.stringify({ text: "#".repeat(1_100_000) }))).status, 413, path);
  }
  assert.equal((await ask("POST", "/api/v1/config/set", text)).status, 413);
  assert.equal(world.operations.calls.length, 2);
});

Deno.test("an operation's refusal becomes a status, a code and what to do", async () => {
  const { world, web, ask } = worldOfAdmin();
  using _ = web;
  const statuses: Partial<Record<OperationErrorCode, number>> = {};
  for (const code of operationErrorCodes) {
    world.operations.answer = () => ({
      ok: false,
      code,
      message: "No",
      field: "name",
      fix: "Do it",
      details: [{ rule: "x" }],
      auditId: "17",
      ...(code === "throttled" ? { retryAfterMs: 2_500 } : {}),
    });
    const answer = await ask("POST", "/api/v1/users", "{}");
    const problem = await answer.json();
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    assert.deepEqual(
      [problem.code, problem.detail, problem.field, problem.fix, problem.details, problem.auditId],
      [code, "No", "name", "Do it", [{ rule: "x" }], "17"],
    );
    if (code === "throttled") assert.equal(answer.headers.get("retry-after"), "3");
    statuses[code] = answer.status;
  }
  assert.deepEqual(statuses, {
    bad_request: 400,
    bad_params: 400,
    unauthenticated: 401,
    permission_denied: 403,
    throttled: 429,
    unknown_operation: 404,
    debug_locked: 403,
    not_found: 404,
    conflict: 409,
    not_configured: 409,
    target_unreachable: 502,
    stale_data: 409,
    timeout: 504,
    too_large: 413,
    too_many: 429,
    config_refused: 422,
    unavailable: 503,
    cancelled: 503,
    internal: 500,
  });
});

Deno.test("an operation ends when its caller goes away", async () => {
  const { world, web } = worldOfAdmin();
  using _ = web;
  const { token, info } = world.access.createToken({ label: "x", role: "admin", lifetimeSeconds: null }, "anna");
  for (const [what, leave] of [["token", () => void world.access.revokeToken(info.id)], ["client", null]] as const) {
    const gone = new AbortController();
    const asked = Promise.withResolvers<void>();
    world.operations.answer = async ({ signal }) => {
      asked.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return { ok: false, code: "cancelled", message: "The caller is gone" };
    };
    const headers: Record<string, string> = what === "token" ? { authorization: `Bearer ${token}` } : {};
    const answer = web.get("/api/v1/whoami", { headers, signal: gone.signal });
    await asked.promise;
    (leave ?? (() => gone.abort()))();
    assert.equal((await answer).status, what === "token" ? 401 : 503, what);
  }
});
