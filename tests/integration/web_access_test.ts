import assert from "node:assert/strict";
import type { Access } from "../../src/access/access.ts";
import { startWeb, type WebHandle, type WebOptions } from "../../src/web/start_web.ts";
import { type AccessWorld, accessWorld } from "../lib/access_world.ts";
import { builtPage } from "../lib/built_page.ts";
import { EventStreamReader } from "../lib/event_stream.ts";
import { waitFor } from "../lib/wait_for.ts";
import { webConfig, WebWorld } from "../lib/web_world.ts";

const CONFIGURED = { name: "opcua-user", password: "configured secret" };
const SETTINGS = { configUser: CONFIGURED, controlToken: "0123456789abcdef0123456789abcdef", sessionIdleMs: 60_000 };

/** A web server on a socket with the real store of credentials: an engineer, an admin, and what is configured. */
async function withServer(
  run: (site: { url: string; server: WebHandle; world: WebWorld; access: Access; store: AccessWorld }) => Promise<void>,
  more: Partial<WebOptions> = {},
): Promise<void> {
  await using store = await accessWorld({ settings: SETTINGS });
  const { access } = store;
  await access.addUser({ name: "anna", password: "correct horse battery", role: "admin" });
  await access.addUser({ name: "emil", password: "engineer's long one", role: "engineer" });
  const world = new WebWorld();
  const server = await startWeb(world.options({ access, config: webConfig({ auth: "token" }), ...more }));
  try {
    await run({ url: server.url, server, world, access, store });
  } finally {
    await server.stop();
  }
}

function newToken(access: Access, role: "viewer" | "admin" = "viewer") {
  const { token, info } = access.createToken({ label: "dashboard", role, lifetimeSeconds: 3600 }, "anna");
  return { id: info.id, headers: { authorization: `Bearer ${token}` } };
}

async function statusOf(url: string, init: RequestInit = {}): Promise<number> {
  const answer = await fetch(url, init);
  await answer.body?.cancel();
  return answer.status;
}

async function logIn(url: string, user: string, password: string): Promise<string> {
  const answer = await fetch(`${url}/api/v1/session`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url },
    body: JSON.stringify({ user, password }),
  });
  assert.equal(answer.status, 200, await answer.text());
  return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

/** What the server sends for bytes as they stand. */
async function raw(url: string, lines: readonly string[]): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
  await connection.write(new TextEncoder().encode([...lines, "Connection: close", "", ""].join("\r\n")));
  return await new Response(connection.readable).text();
}

Deno.test("each credential lets its owner in, and says who that is", async () => {
  await withServer(async ({ url, access }) => {
    const basic = (user: string, password: string) => ({ authorization: `Basic ${btoa(`${user}:${password}`)}` });
    const credentials: [Record<string, string>, unknown[]][] = [
      [basic("anna", "correct horse battery"), ["anna", "admin", "password"]],
      [basic(CONFIGURED.name, CONFIGURED.password), [CONFIGURED.name, "admin", "config_user"]],
      [{ authorization: `Bearer ${SETTINGS.controlToken}` }, ["control-token", "admin", "control_token"]],
      [newToken(access).headers, ["dashboard", "viewer", "api_token"]],
      [{ cookie: await logIn(url, "emil", "engineer's long one") }, ["emil", "engineer", "session"]],
    ];
    for (const [headers, expected] of credentials) {
      const { principal } = await (await fetch(`${url}/api/v1/session`, { headers })).json();
      assert.deepEqual([principal.name, principal.role, principal.kind], expected);
      for (const path of ["/api/v1/tags", "/api/status", "/api/devices", "/api/health", "/metrics"]) {
        assert.equal(await statusOf(url + path, { headers }), 200, `${expected} ${path}`);
      }
    }
    assert.equal(await statusOf(`${url}/api/v1/tags`), 401);
  });
});

Deno.test("a cookie that was copied is worth nothing after its owner logged out", async () => {
  await withServer(async ({ url, world }) => {
    const cookie = await logIn(url, "anna", "correct horse battery");
    assert.equal(await statusOf(`${url}/api/v1/tags`, { headers: { cookie } }), 200);
    const headers = { cookie, "content-type": "application/json", origin: url };
    assert.equal(await statusOf(`${url}/api/v1/session`, { method: "DELETE", headers }), 200);
    assert.equal(await statusOf(`${url}/api/v1/tags`, { headers: { cookie } }), 401);
    assert.deepEqual(world.audit.entries.map(({ event }) => event), ["login", "logout", "web_auth_failed"]);
  });
});

Deno.test("a cookie ends with its user, and with the time that nobody used it", async () => {
  await withServer(async ({ url, access, store }) => {
    const emil = await logIn(url, "emil", "engineer's long one");
    const anna = await logIn(url, "anna", "correct horse battery");
    access.removeUser("emil");
    assert.equal(await statusOf(`${url}/api/v1/tags`, { headers: { cookie: emil } }), 401);
    assert.equal(await statusOf(`${url}/api/v1/tags`, { headers: { cookie: anna } }), 200);
    store.clock.us += 61_000_000;
    assert.equal(await statusOf(`${url}/api/v1/tags`, { headers: { cookie: anna } }), 401);
  });
});

Deno.test("a live stream ends when the token it was opened with is revoked", async () => {
  await withServer(async ({ url, access, world }) => {
    const { id, headers } = newToken(access);
    const other = newToken(access);
    const stream = new EventStreamReader(await fetch(`${url}/api/v1/tags/stream`, { headers }));
    const staying = new EventStreamReader(await fetch(`${url}/api/v1/tags/stream`, { headers: other.headers }));
    await stream.until("tags");
    await staying.until("tags");
    access.revokeToken(id);
    // broken off or ended, but over
    await stream.over();
    await waitFor("the stream to be counted off", async () => (await world.metrics.metrics()).includes("streams 1\n"));
    world.set({ "a840410000000002/open": true });
    assert.equal((await staying.until("tags")).data[0].value, true);
    assert.equal(await statusOf(`${url}/api/v1/tags/stream`, { headers }), 401);
    await staying.close();
  });
});

Deno.test("a live stream ends when its user is removed or its session is closed", async () => {
  await withServer(async ({ url, access }) => {
    for (
      const end of [
        () => access.closeSession(access.sessions()[0]?.id ?? ""),
        () => access.removeUser("emil"),
      ]
    ) {
      const cookie = await logIn(url, "emil", "engineer's long one");
      const stream = new EventStreamReader(await fetch(`${url}/api/v1/tags/stream`, { headers: { cookie } }));
      await stream.until("tags");
      end();
      await stream.over();
    }
  });
});

Deno.test("a download breaks off when its token is revoked, and never looks whole", async () => {
  await withServer(async ({ url, access, world }) => {
    const rows = Array.from({ length: 200_000 }, (_, index) => ({ timeUs: index + 1, value: 1, quality: 0 }));
    world.history.rows.set("a840410000000002/cycles", rows);
    const { id, headers } = newToken(access);
    const answer = await fetch(`${url}/api/v1/history?tag=a840410000000002/cycles&format=csv`, { headers });
    const reader = answer.body?.getReader();
    await reader?.read();
    access.revokeToken(id);
    await assert.rejects(async () => {
      while (!(await reader?.read())?.done);
    });
  });
});

Deno.test("switching auth to token ends what loopback clients look at, and allows no more of it", async () => {
  await withServer(async ({ url, server }) => {
    const stream = new EventStreamReader(await fetch(`${url}/api/v1/tags/stream`));
    await stream.until("tags");
    server.configure({ config: webConfig({ auth: "token", auth_realm: "plant" }) });
    await stream.over();
    const answer = await fetch(`${url}/api/v1/tags`);
    await answer.body?.cancel();
    assert.deepEqual([answer.status, answer.headers.get("www-authenticate")], [401, 'Basic realm="plant"']);
  }, { config: webConfig({ auth: "local" }) });
});

Deno.test("changed names, origins and limits apply to the next request", async () => {
  await withServer(async ({ url, server }) => {
    const { port } = server;
    const ask = (host: string) => raw(url, ["GET /api/v1/session HTTP/1.1", `Host: ${host}:${port}`]);
    assert.match(await ask("proxy.example"), /^HTTP\/1\.1 403 /);
    server.configure({ config: webConfig({ allowed_hosts: ["proxy.example"] }) });
    assert.match(await ask("proxy.example"), /^HTTP\/1\.1 200 /);
    assert.match(await ask("evil.example"), /^HTTP\/1\.1 403 /);
  });
});

Deno.test("on the wire: two Origins, two cookies, two Authorizations, two Hosts", async () => {
  await withServer(async ({ url, access }) => {
    const cookie = await logIn(url, "anna", "correct horse battery");
    const token = newToken(access, "admin").headers.authorization;
    const host = `Host: ${new URL(url).host}`;
    const post = ["POST /api/v1/debug/lock HTTP/1.1", host, "Content-Type: application/json", "Content-Length: 0"];
    assert.match(await raw(url, [...post, `Cookie: ${cookie}`, `Origin: ${url}`]), /^HTTP\/1\.1 200 /);
    assert.match(await raw(url, [...post, `Authorization: ${token}`]), /^HTTP\/1\.1 200 /);
    const refused: [readonly string[], RegExp][] = [
      [[`Cookie: ${cookie}`, `Origin: ${url}`, "Origin: http://evil.example"], / 403 /],
      [[`Cookie: ${cookie}`, "Origin: http://evil.example", `Origin: ${url}`], / 403 /],
      [[`Cookie: ${cookie}`, "Origin: null"], / 403 /],
      [[`Cookie: ${cookie}`], / 403 /],
      [[`Cookie: ${cookie}`, "Cookie: edgekeep=planted", `Origin: ${url}`], / 401 /],
      [[`Authorization: Bearer wrong`, `Authorization: ${token}`], / 40[01] /],
      [[`Authorization: ${token}`, "Host: evil.example"], / 40[03] /],
    ];
    for (const [lines, status] of refused) {
      assert.match((await raw(url, [...post, ...lines])).split("\r\n")[0] ?? "", status, lines.join(" | "));
    }
  });
});

Deno.test("the page and its files need no login, and are revalidated as before", async () => {
  const assetsUrl = await builtPage();
  await withServer(async ({ url }) => {
    const page = await fetch(`${url}/`);
    assert.equal(page.status, 200);
    const etag = page.headers.get("etag") ?? "";
    const script = /src="(\/assets\/app-[^"]+\.js)"/.exec(await page.text())?.[1] ?? "";
    assert.equal(await statusOf(`${url}${script}`), 200);
    assert.equal(await statusOf(`${url}/`, { headers: { "if-none-match": etag } }), 304);
    assert.equal(await statusOf(`${url}/`, { headers: { authorization: "Bearer wrong" } }), 200);
    assert.equal(await statusOf(`${url}/`, { method: "POST" }), 405);
  }, { assetsUrl });
});

Deno.test("whoever guesses is slowed down, with the time to wait", async () => {
  await withServer(async ({ url }) => {
    const guess = () => fetch(`${url}/api/v1/tags`, { headers: { authorization: `Basic ${btoa("anna:guess")}` } });
    const statuses: number[] = [];
    let last = await guess();
    for (let count = 0; count < 12 && last.status !== 429; count++) {
      statuses.push(last.status);
      await last.body?.cancel();
      last = await guess();
    }
    assert.deepEqual(new Set(statuses), new Set([401]));
    assert.equal(last.status, 429);
    assert.match(last.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    assert.equal((await last.json()).code, "throttled");
  });
});

Deno.test("a damaged store lets only configured credentials in", async () => {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-web-access-" });
  await Deno.writeTextFile(`${dir}/access.db`, "this is no database ".repeat(500));
  await using store = await accessWorld({ settings: SETTINGS, dir });
  assert.equal(store.access.state, "damaged");
  const world = new WebWorld();
  const server = await startWeb(world.options({ access: store.access }));
  try {
    assert.equal(await statusOf(`${server.url}/api/v1/tags`), 401, "nobody looks for being near");
    assert.equal((await (await fetch(`${server.url}/api/v1/session`)).json()).state, "damaged");
    const headers = { authorization: `Bearer ${SETTINGS.controlToken}` };
    assert.equal(await statusOf(`${server.url}/api/v1/tags`, { headers }), 200);
    assert.equal(await statusOf(`${server.url}/healthz`), 200);
  } finally {
    await server.stop();
  }
});
