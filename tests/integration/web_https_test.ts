import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { request } from "node:https";
import { join } from "node:path";
import { configSchema, type TlsConfig } from "../../src/config/schema.ts";
import { makeServerCertificate } from "../../src/tls/make_certificate.ts";
import { openServerCertificate } from "../../src/tls/open_server_certificate.ts";
import { startWeb } from "../../src/web/start_web.ts";
import { EventStreamReader } from "../lib/event_stream.ts";
import { TestCa } from "../lib/test_ca.ts";
import { webConfig, WebWorld } from "../lib/web_world.ts";

/** The web server over HTTPS, with a client that trusts its certificate. */
async function withHttps(
  run: (site: { url: string; port: number; world: WebWorld; client: Deno.HttpClient; ca: string }) => Promise<void>,
  { clientAuth = "none", clientCa }: { clientAuth?: TlsConfig["client_auth"]; clientCa?: string } = {},
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-https-" });
  const paths = {
    cert_path: join(folder, "cert.pem"),
    key_path: join(folder, "key.pem"),
    ca_path: join(folder, "ca.pem"),
  };
  const pair = await makeServerCertificate({ names: ["127.0.0.1", "localhost", "gw.plant.example"] });
  await Deno.writeTextFile(paths.cert_path, pair.cert);
  await Deno.writeTextFile(paths.key_path, pair.key);
  await Deno.writeTextFile(paths.ca_path, clientCa ?? pair.cert);
  const tls: TlsConfig = {
    ...configSchema.parse({}).runtime.tls,
    ...paths,
    mode: "self-managed",
    client_auth: clientAuth,
  };
  const world = new WebWorld();
  world.access.addRole("anna", "correct horse", "admin");
  const certificate = await openServerCertificate({
    config: tls,
    faults: world.faults,
    nowUs: () => Date.now() * 1000,
  });
  const server = await startWeb(world.options({ certificate, tls, config: webConfig({ tls: true }) }));
  const client = Deno.createHttpClient({ caCerts: [pair.cert] });
  try {
    assert.match(server.url, /^https:\/\/127\.0\.0\.1:\d+$/);
    await run({ url: server.url, port: server.port, world, client, ca: pair.cert });
  } finally {
    client.close();
    await server.stop();
    certificate.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("over HTTPS a login gets a cookie that plain HTTP never sees, and browsers are told to stay", async () => {
  await withHttps(async ({ url, client, world }) => {
    const answer = await fetch(`${url}/api/v1/session`, {
      client,
      method: "POST",
      headers: { "content-type": "application/json", origin: url },
      body: JSON.stringify({ user: "anna", password: "correct horse" }),
    });
    assert.equal((await answer.json()).secure, true);
    const cookie = answer.headers.get("set-cookie") ?? "";
    assert.match(cookie, /^__Host-edgekeep=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
    assert.equal(answer.headers.get("strict-transport-security"), "max-age=31536000");
    assert.deepEqual(world.audit.of("login").map(({ transport, address }) => [transport, address]), [[
      "https",
      "127.0.0.1",
    ]]);
    const headers = { cookie: cookie.split(";")[0] ?? "" };
    const stream = new EventStreamReader(await fetch(`${url}/api/v1/tags/stream`, { client, headers }));
    await stream.until("tags");
    world.access.closeSession(world.access.sessions()[0]?.id ?? "");
    await stream.over();
  });
});

Deno.test("a name in the certificate is a name of the server, another is not", async () => {
  await withHttps(async ({ port, ca }) => {
    const ask = (host: string) => statusWith({ port, ca, headers: { host } });
    assert.equal(await ask(`gw.plant.example:${port}`), 200);
    assert.equal(await ask("evil.example"), 403);
  });
});

Deno.test("a client certificate of a user is a login; one of nobody is none, but a password beside it counts", async () => {
  const clients = await TestCa.make();
  await withHttps(async ({ port, ca, world }) => {
    const known = await clients.issue("anna's laptop", "client");
    const unknown = await clients.issue("a printer", "client");
    world.access.certificates.set(new X509Certificate(known.cert).fingerprint256, "anna");
    const path = "/api/v1/users";
    const authorization = `Basic ${btoa("anna:correct horse")}`;
    assert.equal(await statusWith({ port, ca, path, ...known }), 200);
    assert.equal(await statusWith({ port, ca, path, ...unknown }), 401);
    assert.equal(await statusWith({ port, ca, path: "/api/v1/tags", ...unknown }), 401, "not even for being near");
    assert.equal(await statusWith({ port, ca, path, ...unknown, headers: { authorization } }), 200);
    assert.equal(await statusWith({ port, ca, path: "/api/v1/tags" }), 200, "a loopback viewer without one");
    assert.deepEqual(world.operations.calls.map(({ caller }) => caller.principal?.kind), ["certificate", "password"]);
    assert.deepEqual(world.audit.of("web_auth_failed").map(({ fields }) => fields?.["reason"]), [
      "certificate_unknown",
      "certificate_unknown",
    ]);
    // what a browser sends by itself is no leave to act: the page must be ours
    const post = { port, ca, path, ...known, method: "POST" };
    const json = { "content-type": "application/json" };
    assert.equal(await statusWith({ ...post, headers: json }), 403);
    assert.equal(await statusWith({ ...post, headers: { ...json, origin: "https://evil.example" } }), 403);
    assert.equal(await statusWith({ ...post, headers: { ...json, origin: `https://localhost:${port}` } }), 200);
  }, { clientAuth: "optional", clientCa: clients.cert });
});

interface Asked {
  readonly port: number;
  readonly ca: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly cert?: string;
  readonly key?: string;
}

/** The status of one request on a connection of its own. */
async function statusWith({ port, path = "/api/v1/session", ...rest }: Asked): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const asked = request({ host: "127.0.0.1", servername: "localhost", port, path, agent: false, ...rest }, (answer) => {
    answer.resume();
    answer.on("end", () => resolve(answer.statusCode ?? 0));
    answer.on("error", reject);
  });
  asked.on("error", reject);
  asked.end();
  return await promise;
}
