import assert from "node:assert/strict";
import { neighbour, type TestRequest, webApp } from "../../tests/lib/web_request.ts";
import { WebWorld } from "../../tests/lib/web_world.ts";
import type { SessionAnswer } from "./api_schema.ts";

const LAN = { peer: neighbour, host: "192.168.7.2:8080" } as const;
const TLS = { peer: { ...neighbour, encrypted: true }, host: "gateway.local:8443" } as const;
const TAGS = "/api/v1/tags";

function basic(user: string, password: string): { authorization: string } {
  return { authorization: `Basic ${btoa(`${user}:${password}`)}` };
}

function worldWithAnna(): WebWorld {
  const world = new WebWorld();
  world.access.addRole("anna", "correct horse", "engineer");
  return world;
}

function reasons(world: WebWorld): unknown[] {
  return world.audit.of("web_auth_failed").map(({ fields }) => fields?.["reason"]);
}

async function sessionOf(answer: Response | Promise<Response>): Promise<SessionAnswer> {
  const got = await answer;
  assert.equal(got.status, 200);
  return await got.json();
}

Deno.test("whoever comes through a proxy on this machine is nobody of this machine", async () => {
  using web = webApp(new WebWorld());
  for (const name of ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"]) {
    const headers = { [name]: "192.0.2.7" };
    assert.equal((await web.get(TAGS, { headers })).status, 401, name);
    assert.equal((await web.get("/metrics", { headers })).status, 401, name);
  }
  assert.equal((await web.get(TAGS)).status, 200);
});

Deno.test("who sits at this machine looks without logging in, others do not", async () => {
  using web = webApp(new WebWorld(), { config: { listen: "0.0.0.0:8080" } });
  assert.equal((await web.get(TAGS)).status, 200);
  assert.equal((await web.get(TAGS, LAN)).status, 401);
  // a proxy or tunnel on this machine brings strangers: the Host header tells
  assert.equal((await web.get(TAGS, { host: "gateway.local" })).status, 401);
  assert.equal((await web.get(TAGS, { peer: neighbour, host: "localhost" })).status, 401);
  assert.equal((await web.get(TAGS, { peer: {}, host: "localhost" })).status, 401);
});

Deno.test("with auth = token nobody looks without logging in, and a change to it ends open looks", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  assert.equal(web.site.loopbackViewersEnd.aborted, false);
  const looking = web.site.loopbackViewersEnd;
  web.site.configure({ ...web.site.config, auth: "token" });
  assert.equal(looking.aborted, true);
  assert.equal((await web.get(TAGS)).status, 401);
  assert.equal((await sessionOf(web.get("/api/v1/session"))).principal, null);
  web.site.configure({ ...web.site.config, auth: "local" });
  assert.equal((await web.get(TAGS)).status, 200);
});

Deno.test("a bad credential is refused where none would have been enough", async () => {
  const world = worldWithAnna();
  using web = webApp(world);
  const bad: Record<string, string>[] = [
    basic("anna", "wrong"),
    basic("nobody", "correct horse"),
    { authorization: "Bearer nonsense" },
    { authorization: "Digest x" },
    { authorization: "Basic !!!" },
    { authorization: `Basic ${btoa("without colon")}` },
    { authorization: "" },
    { cookie: "edgekeep=stale" },
    { cookie: "edgekeep=one; edgekeep=two" },
  ];
  for (const headers of bad) {
    for (const path of [TAGS, "/metrics", "/api/health"]) {
      assert.equal((await web.get(path, { headers })).status, 401, `${JSON.stringify(headers)} ${path}`);
    }
  }
  assert.deepEqual(reasons(world).filter((_, index) => index % 3 === 0), [
    "password_mismatch",
    "user_mismatch",
    "token_mismatch",
    "malformed_scheme",
    "malformed_base64",
    "missing_colon",
    "malformed_scheme",
    "session_expired",
    "session_expired",
  ]);
  assert.equal(world.audit.entries[0]?.fields?.["user"], "anna");
  assert.deepEqual([world.audit.entries[0]?.address, world.audit.entries[0]?.decision], ["127.0.0.1", "denied"]);
});

Deno.test("a refusal is the same for every reason", async () => {
  const world = worldWithAnna();
  using web = webApp(world, { config: { auth: "token", auth_realm: "plant 7" } });
  const answers = new Set<string>();
  for (
    const headers of [
      {},
      basic("anna", "wrong"),
      basic("nobody", "x"),
      { authorization: "Bearer x" },
      { authorization: "Basic !!!" },
      { authorization: `Basic ${btoa("nocolon")}` },
    ]
  ) {
    const answer = await web.get(TAGS, { headers });
    assert.equal(answer.headers.get("www-authenticate"), 'Basic realm="plant 7"');
    answers.add(`${answer.status} ${JSON.stringify([...answer.headers])} ${await answer.text()}`);
  }
  assert.equal(answers.size, 1);
  assert.deepEqual(new Set(reasons(world)).size, 6);
});

Deno.test("the page is refused without the browser's own box, and a password is asked for only where it is safe", async () => {
  const world = worldWithAnna();
  using web = webApp(world, { config: { auth: "token", listen: "0.0.0.0:8080" } });
  const page = { "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" };
  const scheme = async (request: TestRequest) =>
    (await web.get(TAGS, request)).headers.get("www-authenticate")?.split(" ")[0];
  assert.equal(await scheme({ headers: page }), "Bearer");
  assert.equal(world.audit.entries.length, 0, "the page asked before it knew");
  assert.equal(await scheme({}), "Basic");
  assert.equal(await scheme(TLS), "Basic");
  assert.equal(await scheme(LAN), "Bearer");
  assert.deepEqual(reasons(world), ["missing", "missing", "missing"]);
});

Deno.test("Basic is taken over TLS and from this machine, never in the clear", async () => {
  const world = worldWithAnna();
  using web = webApp(world, { config: { listen: "0.0.0.0:8080" } });
  const headers = basic("anna", "correct horse");
  for (const path of [TAGS, "/api/status", "/api/devices", "/api/health"]) {
    assert.equal((await web.get(path, { headers })).status, 200, path);
    assert.equal((await web.get(path, { ...TLS, headers })).status, 200, path);
    assert.equal((await web.get(path, { ...LAN, headers })).status, 401, path);
  }
  assert.deepEqual(new Set(reasons(world)), new Set(["insecure_transport"]));
  assert.equal(world.audit.entries[0]?.fields?.["user"], "anna");
  // the password was not even looked at
  assert(
    world.access.attempts.every(({ address, transport }) =>
      address !== neighbour.remoteAddress || transport === "https"
    ),
  );
});

Deno.test("too many attempts are told so, with the time to wait", async () => {
  const world = worldWithAnna();
  using web = webApp(world);
  world.access.refusing = { reason: "throttled", retryAfterMs: 4_200 };
  for (
    const answer of [
      await web.get(TAGS, { headers: basic("anna", "x") }),
      await web.send("POST", "/api/v1/session", { user: "anna", password: "x" }),
      await web.send("POST", "/api/v1/session", { token: "x" }),
    ]
  ) {
    assert.equal(answer.status, 429);
    assert.equal(answer.headers.get("retry-after"), "5");
    assert.equal((await answer.json()).code, "throttled");
  }
});

Deno.test("a token is a bearer's, with its own role and name", async () => {
  const world = new WebWorld();
  using web = webApp(world, { config: { auth: "token", listen: "0.0.0.0:8080" } });
  const { token } = world.access.createToken({ label: "dashboard", role: "operator", lifetimeSeconds: null }, "anna");
  const headers = { authorization: `bearer ${token}` };
  const { principal } = await sessionOf(web.get("/api/v1/session", { ...LAN, headers }));
  assert.deepEqual(principal, { name: "dashboard", role: "operator", kind: "api_token", user: null, expires: null });
  assert.equal((await web.get(TAGS, { ...LAN, headers })).status, 200);
});

Deno.test("probes of other machines need leave, those of this one none", async () => {
  using web = webApp(new WebWorld(), { config: { auth: "token", listen: "0.0.0.0:8080" } });
  for (const path of ["/healthz", "/readyz", "/metrics", "/api/health"]) {
    assert.equal((await web.get(path)).status, 200, path);
    assert.equal((await web.get(path, { host: "gateway.local" })).status, 401, path);
    assert.equal((await web.get(path, LAN)).status, 401, path);
  }
  web.site.configure({ ...web.site.config, health_remote: true });
  assert.equal((await web.get("/healthz", LAN)).status, 200);
  assert.equal((await web.get("/readyz", LAN)).status, 200);
  assert.equal((await web.get("/metrics", LAN)).status, 401);
  assert.equal((await web.get("/api/health", LAN)).status, 401);
});

Deno.test("while nobody can log in only the set-up is served", async () => {
  const world = new WebWorld();
  world.access.state = "unclaimed";
  using web = webApp(world);
  for (const path of ["/healthz", "/readyz", "/api/health"]) assert.equal((await web.get(path)).status, 200, path);
  assert.equal((await sessionOf(web.get("/api/v1/session"))).state, "unclaimed");
  for (const path of [TAGS, "/api/status", "/api/v1/users", "/api/v1/openapi.json", "/api/v1/tags/stream"]) {
    const answer = await web.get(path);
    assert.deepEqual([answer.status, (await answer.json()).code], [403, "not_set_up"], path);
  }
  for (const [method, path] of [["POST", "/api/v1/session"], ["POST", "/api/v1/pairing/claim"]] as const) {
    assert.equal((await web.send(method, path, {})).status, 403, path);
  }
  assert.equal(world.operations.calls.length, 0);
  assert.equal((await web.send("POST", "/api/v1/setup/claim", { code: "x" })).status, 200);
  assert.deepEqual(world.operations.calls.map(({ name, caller }) => [name, caller.principal]), [["setup.claim", null]]);
  // the page itself is served: it was not built here, and says so
  assert.equal((await web.get("/")).status, 503);
});

Deno.test("with a damaged store nobody looks for being near", async () => {
  const world = new WebWorld();
  world.access.state = "damaged";
  using web = webApp(world);
  assert.equal((await web.get(TAGS)).status, 401);
  assert.deepEqual(reasons(world), ["closed"]);
  const session = await sessionOf(web.get("/api/v1/session"));
  assert.deepEqual([session.state, session.principal], ["damaged", null]);
});

Deno.test("a claim brings its own credential: what else the browser holds does not matter", async () => {
  const world = new WebWorld();
  using web = webApp(world, { config: { listen: "0.0.0.0:8080" } });
  const answer = await web.send("POST", "/api/v1/pairing/claim", { code: "ABCD" }, {
    ...LAN,
    headers: { cookie: "edgekeep=stale" },
  });
  assert.equal(answer.status, 200);
  assert.equal(world.operations.calls[0]?.caller.principal, null);
  assert.equal(world.operations.calls[0]?.caller.address, "192.168.7.20");
});
