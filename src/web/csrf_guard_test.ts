import assert from "node:assert/strict";
import { neighbour, type TestRequest, webApp } from "../../tests/lib/web_request.ts";
import { WebWorld } from "../../tests/lib/web_world.ts";

const USERS = "/api/v1/users";

async function loggedIn(config: Record<string, unknown> = {}) {
  const world = new WebWorld();
  world.access.addRole("anna", "correct horse", "admin");
  const { token } = world.access.createToken({ label: "script", role: "admin", lifetimeSeconds: null }, "anna");
  const web = webApp(world, { config: { listen: "0.0.0.0:8080", ...config } });
  const cookies: Record<string, string> = {};
  for (const encrypted of [false, true]) {
    const peer = { ...neighbour, encrypted };
    const answer = await web.send("POST", "/api/v1/session", { user: "anna", password: "correct horse" }, {
      peer,
      host: "gateway.local:8080",
    });
    assert.equal(answer.status, 200);
    cookies[String(encrypted)] = (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  }
  /** A change with a cookie, and these headers alone. */
  const change = async (headers: Record<string, string>, { encrypted = false, host = "gateway.local:8080" } = {}) =>
    (await web.get(USERS, {
      method: "POST",
      peer: { ...neighbour, encrypted },
      host,
      headers: { cookie: cookies[String(encrypted)] ?? "", "content-type": "application/json", ...headers },
    })).status;
  return { web, world, change, token };
}

Deno.test("a change with a cookie must come from a page of ours", async () => {
  const { web, world, change } = await loggedIn({ allowed_origins: ["https://portal.example"] });
  using _ = web;
  const allowed: [string, string?][] = [
    ["http://gateway.local:8080"],
    ["HTTP://Gateway.Local:8080"],
    ["http://192.168.7.2:8080"],
    ["http://localhost:8080"],
    ["http://box7.local:8080"],
    ["https://portal.example"],
    ["https://portal.example:443"],
    // by way of a tunnel or a mapped port
    ["http://localhost:9000", "localhost:9000"],
    ["http://gateway.local", "gateway.local"],
    ["http://gateway.local:80", "gateway.local"],
    ["http://gateway.local", "gateway.local:80"],
  ];
  for (const [origin, host] of allowed) {
    assert.equal(await change({ origin }, host === undefined ? {} : { host }), 200, `${origin} ${host}`);
  }
  const calls = world.operations.calls.length;
  const refused: string[] = [
    "null",
    "",
    "http://evil.example",
    "https://gateway.local:8080",
    "http://gateway.local",
    "http://gateway.local:8081",
    "http://gateway.local:8080/",
    "http://gateway.local:8080/path",
    "http://gateway.local.evil.example:8080",
    "http://evil.example/gateway.local:8080",
    "http://gateway.local:8080@evil.example",
    "http://192.168.7.3:8080",
    "http://localhost:9000",
    "http://portal.example",
    "https://portal.example:8443",
    "https://sub.portal.example",
    "http://gateway.local:8080, http://evil.example",
    "http://gateway.local:8080,http://gateway.local:8080",
    "gateway.local:8080",
    "ftp://gateway.local:8080",
  ];
  for (const origin of refused) assert.equal(await change({ origin }), 403, origin);
  assert.equal(await change({}), 403, "without Origin");
  assert.equal(await change({ referer: "http://gateway.local:8080/" }), 403, "a Referer is no Origin");
  assert.equal(world.operations.calls.length, calls);
  const records = world.audit.of("web_csrf_rejected");
  assert.equal(records.length, refused.length + 2);
  assert.deepEqual([records[0]?.principal, records[0]?.rule, records[0]?.decision], ["anna", "csrf", "denied"]);
  assert.deepEqual(
    new Set(records.map(({ fields }) => fields?.["reason"])),
    new Set(["origin_mismatch", "origin_several", "origin_missing"]),
  );
});

Deno.test("over HTTPS the origin is an HTTPS one, its port 443 written or not", async () => {
  const { web, change } = await loggedIn();
  using _ = web;
  const over = (origin: string, host: string) => change({ origin }, { encrypted: true, host });
  assert.equal(await over("https://gateway.local", "gateway.local"), 200);
  assert.equal(await over("https://gateway.local:443", "gateway.local"), 200);
  assert.equal(await over("https://gateway.local", "gateway.local:443"), 200);
  assert.equal(await over("http://gateway.local", "gateway.local"), 403);
});

Deno.test("a change must say that it is JSON, also without a body", async () => {
  const { web, world, change } = await loggedIn();
  using _ = web;
  const origin = "http://gateway.local:8080";
  for (
    const type of [
      "application/json",
      "application/json; charset=utf-8",
      "application/json;charset=utf-8",
      "Application/JSON",
    ]
  ) {
    assert.equal(await change({ origin, "content-type": type }), 200, type);
  }
  for (
    const type of [
      "",
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/json garbage",
      "application/jsonp",
      "text/plain; application/json",
      "application/problem+json",
    ]
  ) {
    assert.equal(await change({ origin, "content-type": type }), 415, type);
  }
  const calls = world.operations.calls.length;
  for (
    const [method, path] of [["DELETE", "/api/v1/users/bob"], ["DELETE", "/api/v1/session"], [
      "POST",
      "/api/v1/debug/lock",
    ]]
  ) {
    const answer = await web.get(path ?? "", {
      method: method ?? "",
      headers: { origin: "http://127.0.0.1:8080" },
    });
    assert.equal(answer.status, 415, path);
  }
  assert.equal(world.operations.calls.length, calls);
});

Deno.test("a script with a token of its own needs no Origin, but a wrong one is refused", async () => {
  const { web, token } = await loggedIn();
  using _ = web;
  const status = async (headers: Record<string, string>, more: TestRequest = {}) =>
    (await web.get(USERS, {
      method: "POST",
      peer: neighbour,
      host: "gateway.local:8080",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      ...more,
    })).status;
  assert.equal(await status({}), 200);
  assert.equal(await status({ origin: "http://gateway.local:8080" }), 200);
  assert.equal(await status({ origin: "http://evil.example" }), 403);
  assert.equal(await status({ origin: "null" }), 403);
  assert.equal(await status({ "content-type": "text/plain" }), 415);
});

Deno.test("what a browser sends by itself is no leave to act: being near, logging in, a planted cookie", async () => {
  const { web, world } = await loggedIn();
  using _ = web;
  const json = { "content-type": "application/json" };
  const post = async (path: string, headers: Record<string, string>, body = "{}") =>
    (await web.get(path, { method: "POST", headers: { ...json, ...headers }, body })).status;
  assert.equal(await post("/api/v1/remote/preflight", {}), 403, "a loopback viewer without Origin");
  assert.equal(await post("/api/v1/remote/preflight", { origin: "http://evil.example" }), 403);
  assert.equal(await post("/api/v1/remote/preflight", { origin: "http://127.0.0.1:8080" }), 200);
  const login = JSON.stringify({ user: "anna", password: "correct horse" });
  assert.equal(await post("/api/v1/session", { origin: "http://evil.example" }, login), 403);
  assert.equal(await post("/api/v1/session", { "sec-fetch-site": "same-origin" }, login), 403);
  assert.equal(await post("/api/v1/session", {}, login), 200, "a script that logs in");
  assert.equal(await post("/api/v1/pairing/claim", { cookie: "edgekeep=x" }), 403);
  assert.equal(world.access.sessions().length, 3);
});

Deno.test("nobody who is unknown learns whether the origin would have done", async () => {
  const { web } = await loggedIn();
  using _ = web;
  const answer = await web.get(USERS, { method: "POST", peer: neighbour, host: "gateway.local:8080" });
  assert.equal(answer.status, 401);
});
