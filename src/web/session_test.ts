import assert from "node:assert/strict";
import { neighbour, webApp } from "../../tests/lib/web_request.ts";
import { WebWorld } from "../../tests/lib/web_world.ts";

const TLS = { peer: { ...neighbour, encrypted: true }, host: "gateway.local:8443" } as const;
const LAN = { peer: neighbour, host: "gateway.local:8080" } as const;
const LOGIN = { user: "anna", password: "correct horse" };

function world(): WebWorld {
  const world = new WebWorld();
  world.access.addRole("anna", "correct horse", "admin");
  return world;
}

function cookieOf(answer: Response): string {
  return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

Deno.test("a login opens a session that the browser's script cannot see", async () => {
  const w = world();
  using web = webApp(w);
  const answer = await web.send("POST", "/api/v1/session", LOGIN, TLS);
  const { principal, secure, state } = await answer.json();
  assert.deepEqual([principal.name, principal.role, principal.kind, secure, state], [
    "anna",
    "admin",
    "session",
    true,
    "open",
  ]);
  assert.match(principal.expires, /Z$/);
  assert.match(
    answer.headers.get("set-cookie") ?? "",
    /^__Host-edgekeep=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
  );
  assert.equal((await web.get("/api/v1/tags", { ...TLS, headers: { cookie: cookieOf(answer) } })).status, 200);
  assert.deepEqual(
    w.audit.of("login").map(({ principal, credential, address, transport }) => [
      principal,
      credential,
      address,
      transport,
    ]),
    [["anna", "session:s1", "192.168.7.20", "https"]],
  );
  assert(!JSON.stringify(w.audit.entries).includes("correct horse"));
});

Deno.test("over plain HTTP the cookie is one that works there, and the other kind does not count", async () => {
  const w = world();
  using web = webApp(w);
  const answer = await web.send("POST", "/api/v1/session", LOGIN, LAN);
  assert.match(answer.headers.get("set-cookie") ?? "", /^edgekeep=[^;]+; Path=\/; HttpOnly; SameSite=Strict$/);
  const cookie = cookieOf(answer);
  assert.equal((await web.get("/api/v1/tags", { ...LAN, headers: { cookie } })).status, 200);
  assert.equal((await web.get("/api/v1/tags", { ...TLS, headers: { cookie } })).status, 401);
  assert.equal((await web.get("/api/v1/tags", { ...LAN, headers: { cookie: `__Host-${cookie}` } })).status, 401);
});

Deno.test("beside a second cookie of its name a session does not count: one of them was planted", async () => {
  const w = world();
  using web = webApp(w);
  const cookie = cookieOf(await web.send("POST", "/api/v1/session", LOGIN, LAN));
  for (const both of [`${cookie}; edgekeep=planted`, `edgekeep=planted; ${cookie}`, `${cookie};${cookie}`]) {
    assert.equal((await web.get("/api/v1/tags", { ...LAN, headers: { cookie: both } })).status, 401, both);
  }
  assert.equal((await web.get("/api/v1/tags", { ...LAN, headers: { cookie: `theme=dark; ${cookie}` } })).status, 200);
});

Deno.test("a paired device's login is kept, a password's is gone with the browser", async () => {
  const w = world();
  using web = webApp(w);
  const { token } = w.access.createToken({ label: "phone", role: "viewer", lifetimeSeconds: null }, "anna");
  const answer = await web.send("POST", "/api/v1/session", { token }, TLS);
  assert.match(answer.headers.get("set-cookie") ?? "", /; Max-Age=86(400|399)$/);
  assert.equal((await answer.json()).principal.name, "phone");
});

Deno.test("a wrong login is refused and recorded, its password is not", async () => {
  const w = world();
  using web = webApp(w);
  for (
    const body of [{ user: "anna", password: "s3cret!" }, { token: "s3cret!" }, { user: "bob", password: "s3cret!" }]
  ) {
    const answer = await web.send("POST", "/api/v1/session", body, TLS);
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get("set-cookie"), null);
    assert(!(await answer.text()).includes("s3cret!"));
  }
  assert.deepEqual(
    w.audit.of("web_auth_failed").map(({ fields }) => [fields?.["user"], fields?.["reason"], fields?.["path"]]),
    [
      ["anna", "password_mismatch", "/api/v1/session"],
      [null, "token_mismatch", "/api/v1/session"],
      ["bob", "user_mismatch", "/api/v1/session"],
    ],
  );
  assert(!JSON.stringify(w.audit.entries).includes("s3cret!"));
});

Deno.test("a login that is none is told what it should be, without repeating it", async () => {
  using web = webApp(world());
  for (
    const body of [{}, { user: "s3cret!" }, { user: "anna", password: "s3cret!", token: "s3cret!" }, { token: 7 }, [
      "s3cret!",
    ]]
  ) {
    const answer = await web.send("POST", "/api/v1/session", body);
    assert.equal(answer.status, 400);
    assert(!(await answer.text()).includes("s3cret!"));
  }
  const broken = await web.send("POST", "/api/v1/session", undefined, { body: '{"token": "s3cret!' });
  assert.deepEqual([broken.status, (await broken.text()).includes("s3cret!")], [400, false]);
});

Deno.test("a cookie is worth nothing after logging out", async () => {
  const w = world();
  using web = webApp(w);
  const cookie = cookieOf(await web.send("POST", "/api/v1/session", LOGIN, TLS));
  const out = await web.send("DELETE", "/api/v1/session", undefined, { ...TLS, headers: { cookie } });
  assert.equal(out.status, 200);
  assert.match(out.headers.get("set-cookie") ?? "", /^__Host-edgekeep=; .*Max-Age=0$/);
  assert.equal((await out.json()).principal, null);
  assert.equal(w.access.sessions().length, 0);
  assert.equal((await web.get("/api/v1/tags", { ...TLS, headers: { cookie } })).status, 401);
  assert.deepEqual(w.audit.of("logout").map(({ principal, credential }) => [principal, credential]), [
    ["anna", "session:s1"],
  ]);
  assert.equal(
    (await web.send("DELETE", "/api/v1/session", undefined, TLS)).status,
    200,
    "logging out twice is no fault",
  );
  assert.equal(w.audit.of("logout").length, 1);
});

Deno.test("a cookie is worth nothing once its user is removed", async () => {
  const w = world();
  using web = webApp(w);
  const cookie = cookieOf(await web.send("POST", "/api/v1/session", LOGIN, TLS));
  w.access.removeUser("anna");
  const answer = await web.get("/api/v1/tags", { ...TLS, headers: { cookie } });
  assert.equal(answer.status, 401);
  assert.match(answer.headers.get("set-cookie") ?? "", /Max-Age=0/);
  const session = await web.get("/api/v1/session", { ...TLS, headers: { cookie } });
  assert.equal((await session.json()).principal, null);
  assert.match(session.headers.get("set-cookie") ?? "", /Max-Age=0/);
});

Deno.test("a login never goes on with a session that was there before", async () => {
  const w = world();
  using web = webApp(w);
  const planted = cookieOf(await web.send("POST", "/api/v1/session", LOGIN, TLS));
  const again = await web.send("POST", "/api/v1/session", LOGIN, { ...TLS, headers: { cookie: planted } });
  assert.equal(again.status, 200);
  assert.notEqual(cookieOf(again), planted);
  assert.equal((await web.get("/api/v1/tags", { ...TLS, headers: { cookie: planted } })).status, 401);
  assert.equal((await web.get("/api/v1/tags", { ...TLS, headers: { cookie: cookieOf(again) } })).status, 200);
  assert.deepEqual(w.access.sessions().map(({ id }) => id), ["s2"]);
  const invented = await web.send("POST", "/api/v1/session", LOGIN, {
    ...TLS,
    headers: { cookie: "__Host-edgekeep=mine" },
  });
  assert.equal(invented.status, 200);
  assert.notEqual(cookieOf(invented), "__Host-edgekeep=mine");
});

Deno.test("the session tells until when debug operations are open, but not strangers", async () => {
  const w = world();
  w.debug.openUntilUs = 1_767_225_600_000_000;
  using web = webApp(w);
  const asked = await (await web.get("/api/v1/session")).json();
  assert.deepEqual([asked.debugOpenUntil, asked.principal.kind, asked.auth], [
    "2026-01-01T00:00:00.000000Z",
    "loopback",
    "local",
  ]);
  assert.equal((await (await web.get("/api/v1/session", LAN)).json()).debugOpenUntil, null);
});
