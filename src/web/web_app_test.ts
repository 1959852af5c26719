import assert from "node:assert/strict";
import { webApp } from "../../tests/lib/web_request.ts";
import { WebWorld } from "../../tests/lib/web_world.ts";
import { operations } from "../policy/operations.ts";
import { accessRule } from "./access_rule.ts";
import type { ProblemAnswer } from "./api_schema.ts";

async function problemOf(answer: Response, status: number): Promise<ProblemAnswer> {
  assert.equal(answer.status, status);
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  const problem: ProblemAnswer = await answer.json();
  assert.equal(problem.status, status);
  assert(problem.code !== "" && problem.detail !== "");
  return problem;
}

Deno.test("health answers always, readiness only when everything is started", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  for (const path of ["/healthz", "/api/health", "/readyz"]) {
    assert.deepEqual(await (await web.get(path)).json(), { status: "ok" }, path);
  }
  world.ready = false;
  assert.equal((await problemOf(await web.get("/readyz"), 503)).code, "not_ready");
  assert.equal((await web.get("/healthz")).status, 200);
});

Deno.test("metrics are Prometheus text", async () => {
  using web = webApp(new WebWorld());
  const answer = await web.get("/metrics");
  assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0.0.4/);
  assert.equal(answer.status, 200);
});

Deno.test("status shows faults in words and no path of the machine", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  world.faults.raise("device_decoding", "Soil probe 1 sent text for 'temperature'", "a840410000000001");
  const text = await (await web.get("/api/v1/status")).text();
  assert(!text.includes("/var/lib"), "the path of the history file stays inside");
  const status = JSON.parse(text);
  assert.equal(status.verdict, "attention");
  assert.equal(status.faults[0].code, "device_decoding");
  assert.equal(status.faults[0].subjectName, "Soil probe 1");
  assert.match(status.faults[0].remedy, /metric_type/);
  assert.match(status.now, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  const faults = await (await web.get("/api/v1/faults")).json();
  assert.deepEqual(faults.items, status.faults);
});

Deno.test("events come newest page first, and on from a sequence", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  for (let index = 1; index <= 5; index++) {
    world.feed.add(index === 3 ? "error" : "info", "device_join", "b000000000000001/energy total", `event ${index}`);
  }
  const texts = (list: { items: { text: string }[] }) => list.items.map(({ text }) => text);
  const newest = await (await web.get("/api/v1/events?limit=2")).json();
  assert.deepEqual(texts(newest), ["event 4", "event 5"]);
  assert.equal(newest.items[0].subjectName, "Meter");
  const on = await (await web.get("/api/v1/events?after=1&limit=2")).json();
  assert.deepEqual(texts(on), ["event 2", "event 3"]);
  assert.equal(on.next, 3);
  assert.deepEqual(texts(await (await web.get("/api/v1/events?level=warning")).json()), ["event 3"]);
  const none = await (await web.get("/api/v1/events?after=5")).json();
  assert.deepEqual([none.items, none.next], [[], 5]);
  assert.equal((await problemOf(await web.get("/api/v1/events?limit=9999"), 400)).field, "limit");
});

Deno.test("devices are counted by quality and paged", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  world.set({ "a840410000000001/temperature": 20, "a840410000000001/moisture": 130 });
  const first = await (await web.get("/api/v1/devices?limit=2")).json();
  assert.equal(first.total, 3);
  const [probe] = first.items;
  assert.deepEqual(
    [probe.devEui, probe.tags, probe.good, probe.uncertain, probe.bad, probe.waiting],
    ["a840410000000001", 3, 1, 1, 0, 1],
  );
  const second = await (await web.get(`/api/v1/devices?limit=2&cursor=${first.next}`)).json();
  assert.deepEqual([second.items.map((d: { name: string }) => d.name), second.next], [["Meter"], null]);
  const energy = await (await web.get("/api/v1/devices?application=energy")).json();
  assert.equal(energy.total, 1);
  assert.equal((await problemOf(await web.get("/api/v1/devices?cursor=%00"), 400)).code, "bad_cursor");
});

Deno.test("the short paths of comparable gateways answer with their field names", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  world.set({ "a840410000000001/temperature": 20 }, 0, 1_767_225_600_000_000);
  const status = await (await web.get("/api/status")).json();
  assert.deepEqual([status.chirpstack_available, status.application_count, status.device_count], [true, 2, 3]);
  const devices = await (await web.get("/api/devices")).json();
  assert.deepEqual([devices.stale_threshold_secs, devices.bad_threshold_secs], [120, 86_400]);
  const [temperature, moisture] = devices.applications[0].devices[0].metrics;
  assert.deepEqual([temperature.value, temperature.timestamp], [20, "2026-01-01T00:00:00.000000Z"]);
  assert.deepEqual([moisture.value, moisture.timestamp], [null, null]);
});

Deno.test("a page on the internet that points its name here is refused", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  for (const host of ["evil.org", "evil.org:8080", "127.0.0.1.evil.org", "localhost@evil.org", "", "192.168.1.5"]) {
    const problem = await problemOf(await web.get("/api/v1/status", { host }), 403);
    assert.equal(problem.code, "host_not_allowed", host);
  }
  const records = world.audit.of("web_host_refused");
  assert.deepEqual([records.length, records[0]?.fields?.["host"], records[0]?.rule], [6, "evil.org", "host"]);
  for (const host of ["localhost", "localhost:9999", "127.0.0.1", "[::1]:8080", "GATEWAY.local:8080"]) {
    assert.equal((await web.get("/api/v1/session", { host })).status, 200, host);
  }
});

Deno.test("requests that another site's page makes are refused, links from there are not", async () => {
  using web = webApp(new WebWorld());
  const ask = (site: string, mode: string) =>
    web.get("/healthz", { headers: { "sec-fetch-site": site, "sec-fetch-mode": mode } });
  for (const site of ["cross-site", "same-site"]) {
    assert.equal((await problemOf(await ask(site, "no-cors"), 403)).code, "cross_site");
    assert.equal((await ask(site, "navigate")).status, 200);
  }
  for (const site of ["same-origin", "none"]) assert.equal((await ask(site, "cors")).status, 200);
});

Deno.test("unknown addresses, other methods and large bodies are refused", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  assert.equal((await problemOf(await web.get("/api/v1/nothing"), 404)).code, "not_found");
  assert.equal((await problemOf(await web.send("POST", "/api/v1/nothing"), 404)).code, "not_found");
  const takes: [string, readonly string[], string][] = [
    ["/api/v1/tags", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"], "GET, HEAD"],
    ["/api/v1/tags/a/b", ["POST", "DELETE"], "GET, HEAD"],
    ["/healthz", ["POST", "PROPFIND"], "GET, HEAD"],
    ["/api/v1/users", ["PUT", "DELETE", "PATCH"], "GET, HEAD, POST"],
    ["/api/v1/users/anna", ["GET", "HEAD", "POST"], "DELETE, PUT"],
    ["/api/v1/config/apply", ["GET"], "POST"],
    ["/api/v1/session", ["PUT", "PATCH"], "DELETE, GET, HEAD, POST"],
  ];
  for (const [path, methods, allow] of takes) {
    for (const method of methods) {
      const answer = await web.get(path, { method });
      assert.equal(answer.headers.get("allow"), allow, `${method} ${path}`);
      if (method !== "HEAD") assert.equal((await problemOf(answer, 405)).code, "method_not_allowed");
    }
  }
  assert.equal(world.operations.calls.length, 0);
  const large = { method: "POST", headers: { "content-length": "1000000" } };
  assert.equal((await problemOf(await web.get("/api/v1/users", large), 413)).code, "too_large");
  assert.equal((await web.get("/healthz", { method: "HEAD" })).status, 200);
});

Deno.test("every answer carries the security headers, refusals too", async () => {
  using web = webApp(new WebWorld());
  for (const path of ["/healthz", "/nowhere", "/api/v1/tags?limit=0"]) {
    const { headers } = await web.get(path);
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert(!policy.includes("unsafe-inline"));
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("cache-control"), "no-store");
    assert.equal(headers.get("access-control-allow-origin"), null);
    assert.equal(headers.get("strict-transport-security"), null);
  }
});

Deno.test("over HTTPS browsers are told to stay with it", async () => {
  using web = webApp(new WebWorld());
  const { headers } = await web.get("/healthz", {
    peer: { remoteAddress: "127.0.0.1", localAddress: "127.0.0.1", encrypted: true },
  });
  assert.equal(headers.get("strict-transport-security"), "max-age=31536000");
});

Deno.test("an error inside is answered without its text", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  world.history.before = () => Promise.reject(new Error("secret /var/lib/edgekeep/history.db"));
  const answer = await web.get("/api/v1/history?tag=a840410000000001/temperature");
  const problem = await problemOf(answer.clone(), 500);
  assert.equal(problem.code, "internal");
  assert(!(await answer.text()).includes("secret"));
});

Deno.test("without a built page the root says how to build it", async () => {
  using web = webApp(new WebWorld());
  const problem = await problemOf(await web.get("/"), 503);
  assert.equal(problem.code, "page_missing");
});

Deno.test("the OpenAPI document describes exactly the routes that answer", async () => {
  const world = new WebWorld();
  using web = webApp(world);
  const document = await (await web.get("/api/v1/openapi.json")).json();
  const described = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`)
  );
  const routes = web.app.routes.filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:([a-z]+)/g, "{$1}")}`);
  assert.deepEqual(described.sort(), [...new Set(routes)].sort());
  assert.equal(document.info.version, "0.1.0");
  for (const [path, methods] of Object.entries<Record<string, Described>>(document.paths)) {
    for (const { summary, responses } of Object.values(methods)) {
      assert(summary !== undefined && Object.keys(responses).length > 0, path);
    }
  }
});

interface Described {
  summary: string;
  responses: object;
  security?: object[];
  "x-role"?: string | null;
  "x-operation"?: string;
}

Deno.test("the OpenAPI document says of each operation which role it needs", async () => {
  using web = webApp(new WebWorld());
  const document = await (await web.get("/api/v1/openapi.json")).json();
  assert.deepEqual(Object.keys(document.components.securitySchemes).sort(), ["basic", "bearer", "session"]);
  assert.equal(document.security.length, 3);
  const offered = Object.entries(operations).filter(([, { http, stream }]) => http !== null && !stream);
  assert(offered.length > 30);
  for (const [name, { http, role, summary }] of offered) {
    const found: Described = document.paths[http?.path.replaceAll(/:([a-z]+)/g, "{$1}") ?? ""][http?.method ?? ""];
    assert.deepEqual([found["x-operation"], found["x-role"], found.summary], [name, role, summary]);
    assert.equal(found.security?.length, role === null ? 0 : undefined, name);
  }
  for (const path of ["/healthz", "/readyz", "/api/v1/session"]) {
    assert.deepEqual(document.paths[path].get.security, [], path);
  }
});

Deno.test("every route but the named ones needs a known caller", () => {
  using web = webApp(new WebWorld());
  const open = web.app.routes.filter(({ method }) => method !== "ALL")
    .filter(({ method, path }) => accessRule(method, path, new Map()) !== "viewer")
    .map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual([...new Set(open)].sort(), [
    "DELETE /api/v1/session",
    "GET /api/health",
    "GET /api/v1/session",
    "GET /healthz",
    "GET /metrics",
    "GET /readyz",
    "POST /api/v1/session",
  ]);
});
