import assert from "node:assert/strict";
import { join } from "node:path";
import { getLogger } from "@logtape/logtape";
import { OperationsWorld, PASSWORD, REMOTE } from "../../tests/lib/operations_world.ts";
import { waitFor } from "../../tests/lib/wait_for.ts";
import { HistoryUnavailableError } from "../history/history.ts";
import { HostRefusal } from "../supervisor/role_protocol.ts";
import { configureForwardingLog } from "../telemetry/log.ts";
import { OperationError } from "./operation.ts";

const TAG = "a840410000000001/temperature";

Deno.test("an operation that does not exist is refused as if it needed an admin", async () => {
  await using world = await OperationsWorld.open();
  const code = async (name: string, role: "admin" | "viewer" | null) => {
    const answer = await world.call(name, {}, world.caller(role));
    assert.ok(!answer.ok);
    return [answer.code, answer.message];
  };
  assert.deepEqual(await code("nonsense", "admin"), ["unknown_operation", "There is no operation nonsense"]);
  assert.equal((await code("nonsense", "viewer"))[0], "permission_denied");
  assert.equal((await code("commands.send", null))[0], "unauthenticated");
  for (const name of ["constructor", "__proto__", "toString", "", "x".repeat(100_000)]) {
    assert.equal((await code(name, "admin"))[0], "unknown_operation", name.slice(0, 20));
  }
});

Deno.test("parameters that do not fit are refused with the one that does not", async () => {
  await using world = await OperationsWorld.open();
  const cases: readonly (readonly [string, unknown, string | undefined])[] = [
    ["status", { verbose: true }, "verbose"],
    ["tags.read", {}, "ids"],
    ["tags.read", { ids: [] }, "ids"],
    ["tags.read", { ids: ["a/b", 3] }, "ids.1"],
    ["users.add", { name: "x", password: PASSWORD, role: "root" }, "role"],
    ["users.set", { name: "founder", certificates: ["AB"] }, "certificates.0"],
    ["tokens.create", { label: "x", role: "viewer" }, "days"],
    ["debug.unlock", { minutes: 61 }, "minutes"],
    ["config.set", { set: {} }, "set"],
    ["config.diff", { text: "", set: {} }, undefined],
    ["history.query", { tag: TAG, from: "yesterday" }, "from"],
    ["status", [], undefined],
    ["status", "text", undefined],
  ];
  for (const [name, params, field] of cases) {
    const answer = await world.call(name, params);
    assert.ok(!answer.ok, name);
    assert.deepEqual([answer.code, answer.field], ["bad_params", field], `${name} ${JSON.stringify(params)}`);
  }
  assert.equal((await world.call("status", undefined)).ok, true);
  assert.equal((await world.call("status", null)).ok, true);
});

Deno.test("errors of the rooms keep their code, and others tell the caller nothing", async () => {
  await using world = await OperationsWorld.open();
  const { host, site } = world;
  const refused = async (name: string, params: unknown = {}) => {
    const answer = await world.call(name, params);
    assert.ok(!answer.ok);
    return answer;
  };
  for (
    const [code, expected] of [
      ["conflict", "conflict"],
      ["not_found", "not_found"],
      ["not_configured", "not_configured"],
      ["io", "unavailable"],
      ["internal", "internal"],
    ] as const
  ) {
    host.answers["pki.renew"] = new HostRefusal(code, "No certificate is configured");
    const { code: got, message } = await refused("pki.renew");
    assert.deepEqual([got, message], [expected, "No certificate is configured"]);
  }
  host.answers["config.get"] = new Error("EACCES /root/secret");
  const internal = await refused("config.get");
  assert.equal(internal.code, "internal");
  assert.ok(!internal.message.includes("secret"));

  site.history.before = () => Promise.reject(new HistoryUnavailableError("reader gone"));
  assert.equal((await refused("history.query", { tag: TAG })).code, "unavailable");
  assert.equal((await refused("users.remove", { name: "founder" })).code, "conflict");
  assert.equal((await refused("tokens.revoke", { id: "nothing" })).code, "not_found");
  assert.equal((await refused("sessions.close", { id: "nothing" })).code, "not_found");
  assert.equal((await refused("pki.trust", { fingerprint: Array(32).fill("FF").join(":") })).code, "not_found");
});

Deno.test("a configuration that is not applied is refused with its findings", async () => {
  await using world = await OperationsWorld.open();
  const finding = {
    rule: "range",
    severity: "error",
    path: "opcua.host_port",
    line: 3,
    file: "edgekeep.toml",
    text: "Too large",
    fix: "Write a port",
  } as const;
  const failed = {
    ok: false,
    findings: [finding],
    changes: [],
    effect: null,
    applied: false,
    error: "The configuration is refused",
    version: null,
    durationMs: 3,
  } as const;
  for (
    const [reason, code] of [
      ["validation", "config_refused"],
      ["rolled_back", "config_refused"],
      ["conflict", "conflict"],
      ["io", "unavailable"],
    ] as const
  ) {
    world.host.answers["config.apply"] = { ...failed, reason };
    const answer = await world.call("config.apply", { text: "[opcua]\n", etag: "e1" });
    assert.ok(!answer.ok);
    assert.equal(answer.code, code);
    assert.deepEqual(answer.details, { reason, ok: false, findings: [finding], changes: [], effect: null });
    const [record] = await world.audit.tail({ limit: 1 });
    assert.deepEqual([record?.outcome, record?.fields?.["reason"]], [code, reason]);
  }
  const request = world.host.calls.at(-1)?.request;
  assert.deepEqual(request, {
    text: "[opcua]\n",
    etag: "e1",
    trigger: "web",
    by: {
      principal: "admin of the test",
      role: "admin",
      credential: world.caller("admin").principal?.credential,
      address: "127.0.0.1",
      transport: "http",
    },
  });
});

Deno.test("the first admin is made with the set-up code", async () => {
  await using world = await OperationsWorld.open({ claimed: false });
  const nobody = world.caller(null, REMOTE);
  assert.deepEqual((await world.result("hello", {}, nobody)).operations, ["hello", "pair.claim", "setup.claim"]);
  assert.equal((await world.result("hello", {}, nobody)).state, "unclaimed");
  const wrong = await world.call("setup.claim", { code: "AAAAAAAAAAAA", user: "anna", password: PASSWORD }, nobody);
  assert.ok(!wrong.ok && wrong.code === "permission_denied");
  const code = (await Deno.readTextFile(join(world.folder, "setup-code"))).trim();
  const weak = await world.call("setup.claim", { code, user: "gateway", password: PASSWORD }, nobody);
  assert.ok(!weak.ok);
  assert.deepEqual([weak.code, weak.field], ["bad_params", "user"]);
  const admin = await world.result("setup.claim", { code, user: "anna", password: PASSWORD }, nobody);
  assert.deepEqual([admin.name, admin.role], ["anna", "admin"]);
  assert.equal((await world.result("hello", {}, nobody)).state, "open");
  const records = await world.audit.tail({ limit: 10 });
  assert.deepEqual(
    records.map(({ operation, target, decision, outcome }) => [operation, target, decision, outcome]),
    [
      ["setup.claim", "anna", "denied", "permission_denied"],
      ["setup.claim", "gateway", "allowed", "bad_params"],
      ["setup.claim", "anna", "allowed", "ok"],
    ],
  );
});

Deno.test("pairing: the link and the code go to the admin, the token to the claimer, and neither to the audit", async () => {
  await using world = await OperationsWorld.open();
  const { code, link, uri, info } = await world.result("pair.start", { label: "Tablet", role: "operator", days: 30 });
  assert.equal(link, `https://gateway.example:8443/#/pair?code=${encodeURIComponent(code)}`);
  const url = encodeURIComponent("https://gateway.example:8443");
  assert.equal(uri, `edgekeep://pair?url=${url}&code=${encodeURIComponent(code)}`);
  assert.deepEqual((await world.result("pair.list")).pairings.map(({ id }: { id: string }) => id), [info.id]);

  const nobody = world.caller(null, REMOTE);
  const wrong = await world.call("pair.claim", { code: "AAAAAAAA" }, nobody);
  assert.ok(!wrong.ok && wrong.code === "permission_denied");
  const [failed] = await world.audit.tail({ limit: 1 });
  assert.deepEqual([failed?.event, failed?.decision, failed?.address], ["pair_claim_failed", "denied", REMOTE]);

  const { token, info: claimed } = await world.result("pair.claim", { code }, nobody);
  assert.deepEqual([claimed.kind, claimed.role, claimed.label], ["paired", "operator", "Tablet"]);
  assert.ok(world.access.token(token, nobody).ok);
  assert.equal((await world.call("pair.claim", { code }, nobody)).ok, false);
  world.pageUrls = [];
  const without = await world.result("pair.start", { label: "Phone", role: "viewer", days: null });
  assert.deepEqual([without.link, without.uri], [null, null]);

  const made = await world.result("tokens.create", { label: "Script", role: "viewer", days: 1 });
  await world.result("users.add", { name: "bert", password: "a very long password", role: "viewer" });
  const text = [...Deno.readDirSync(join(world.folder, "audit"))].map(({ name }) =>
    Deno.readTextFileSync(join(world.folder, "audit", name))
  ).join("");
  for (const secret of [code, token, made.token, without.code, "a very long password", "AAAAAAAA"]) {
    assert.ok(!text.includes(secret), secret);
  }
});

Deno.test("a forced tag is a fault, is listed, and is told to those who follow it", async () => {
  await using world = await OperationsWorld.open();
  const { site } = world;
  world.debug.unlock(10, "test");
  site.set({ [TAG]: 20 });
  const stop = new AbortController();
  const items = world.stream("tags.subscribe", { ids: [TAG] }, stop.signal);
  assert.equal((await items.next()).value.changes[0].value, 20);

  const forced = await world.result("tags.force", { id: TAG, value: 99 }, world.caller("operator"));
  assert.deepEqual([forced.value, forced.quality.name, forced.forced], [99, "GoodLocalOverride", true]);
  const [change] = (await items.next()).value.changes;
  assert.deepEqual([change.value, change.quality.code], [99, 0x00960000]);
  assert.deepEqual(site.faults.list().map(({ code, subject }) => [code, subject]), [
    ["debug_unlocked", ""],
    ["tag_forced", TAG],
  ]);
  assert.equal((await world.result("tags.list", { forced: true })).total, 1);
  assert.equal((await world.result("status")).forced, 1);
  const [record] = await world.audit.tail({ limit: 1 });
  assert.deepEqual([record?.target, record?.fields], [TAG, { value: 99, before: "20" }]);

  const wrong = await world.call("tags.force", { id: TAG, value: "hot" });
  assert.ok(!wrong.ok && wrong.code === "bad_params" && wrong.field === "value");
  await world.result("debug.lock", {}, world.caller("admin"));
  const closed = await world.call("tags.force", { id: TAG, value: 98 }, world.caller("operator"));
  assert.ok(!closed.ok && closed.code === "debug_locked");
  const released = await world.result("tags.unforce", { id: TAG }, world.caller("operator"));
  assert.equal(released.value, 20, "who forced a value can take it back when debugging is closed");
  assert.deepEqual(site.faults.list(), []);
  const again = await world.call("tags.unforce", { id: TAG });
  assert.ok(!again.ok && again.code === "conflict");
  const unknown = await world.call("tags.unforce", { id: "a/b" });
  assert.ok(!unknown.ok && unknown.code === "not_found");
  stop.abort();
  // what was told before the end may still come
  for await (const _ of items);
});

Deno.test("tags are listed page by page and read by their ids", async () => {
  await using world = await OperationsWorld.open();
  const all: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await world.result("tags.list", { pattern: "a8*/*", limit: 5, cursor });
    all.push(...page.items.map(({ id }: { id: string }) => id));
    cursor = page.next ?? undefined;
    assert.equal(page.total, 21);
  } while (cursor !== undefined);
  assert.equal(all.length, 21);
  assert.deepEqual(all, all.toSorted());
  const read = await world.result("tags.read", { ids: [TAG, "nowhere/x"] });
  assert.deepEqual([read.items[0].device, read.items[0].application], ["Soil probe 1", "Irrigation"]);
  assert.deepEqual(read.unknown, ["nowhere/x"]);
});

Deno.test("the history is paged, as samples from either end and as buckets", async () => {
  await using world = await OperationsWorld.open();
  const second = 1_000_000;
  const startUs = Date.UTC(2026, 0, 10) * 1000;
  const rows = Array.from({ length: 25 }, (_, i) => ({ timeUs: startUs + i * second, value: i, quality: 0 }));
  world.site.history.rows.set(TAG, rows);
  for (const newestFirst of [false, true]) {
    const values: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await world.result("history.query", { tag: TAG, limit: 10, newestFirst, cursor });
      values.push(...page.samples.map(({ value }: { value: number }) => value));
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    const expected = rows.map(({ value }) => value);
    assert.deepEqual(values, newestFirst ? expected.toReversed() : expected);
  }
  const span = { from: "2026-01-10T00:00:00Z", to: "2026-01-10T00:00:25Z", bucketSeconds: 10, limit: 2 };
  const first = await world.result("history.query", { tag: TAG, ...span });
  assert.deepEqual(first.buckets.map(({ mean }: { mean: number }) => mean), [4.5, 14.5]);
  const rest = await world.result("history.query", { tag: TAG, ...span, cursor: first.next });
  assert.deepEqual(rest.buckets.map(({ count, end }: { count: number; end: string }) => [count, end]), [
    [5, "2026-01-10T00:00:25.000000Z"],
  ]);
  assert.equal(rest.next, null);
});

Deno.test("a stream breaks with 'cancelled' when the credential ends, and the credential is worth nothing any more", async () => {
  await using world = await OperationsWorld.open();
  const { info, token } = await world.result("tokens.create", { label: "Script", role: "viewer", days: null });
  const login = world.access.token(token, { transport: "https", address: REMOTE });
  assert.ok(login.ok);
  const caller = { principal: login.principal, transport: "https", address: REMOTE } as const;
  const items = world.stream("events.tail", { follow: true, limit: 1 }, new AbortController().signal, caller);
  world.site.feed.add("info", "test", "gateway", "first");
  assert.equal((await items.next()).value.text, "first");
  const next = items.next();
  await world.result("tokens.revoke", { id: info.id });
  await assert.rejects(next, (error) => error instanceof OperationError && error.code === "cancelled");
  const answer = await world.call("status", {}, caller);
  assert.ok(!answer.ok && answer.code === "unauthenticated");
});

Deno.test("events are told from a sequence on, and followed without a gap", async () => {
  await using world = await OperationsWorld.open();
  const { feed } = world.site;
  const start = feed.since().at(-1)?.sequence ?? 0;
  for (const text of ["a", "b", "c"]) feed.add("info", "test", "gateway", text);
  const stop = new AbortController();
  const items = world.stream("events.tail", { after: start + 1, follow: true }, stop.signal);
  assert.equal((await items.next()).value.text, "b");
  feed.add("info", "test", "gateway", "d");
  assert.equal((await items.next()).value.text, "c");
  assert.equal((await items.next()).value.text, "d");
  const last = items.next();
  stop.abort();
  assert.equal((await last).done, true);
  const known: string[] = [];
  for await (const { text } of world.stream("events.tail", { limit: 2 }, new AbortController().signal)) {
    known.push(text);
  }
  assert.deepEqual(known, ["c", "d"]);
});

Deno.test("a trace shows the log at its finest level, without secrets, until debugging is locked", async () => {
  const control = { auth_token: "sesame-sesame-sesame-sesame" };
  await using world = await OperationsWorld.open({ config: { runtime: { control } } });
  const forwarded: unknown[] = [];
  const log = await configureForwardingLog("error", (record) => forwarded.push(record));
  try {
    world.debug.unlock(5, "test");
    const stop = new AbortController();
    const items = world.stream("debug.trace", { category: "probe" }, stop.signal);
    const asked = items.next();
    let heard = false;
    asked.then(() => heard = true, () => heard = true);
    await waitFor("the first record", () => {
      getLogger(["edgekeep", "other"]).debug("Not asked for");
      getLogger(["edgekeep", "probe", "inner"]).trace("Heard {what}", { what: control.auth_token, count: 3 });
      return heard;
    });
    const { level, category, message, fields } = (await asked).value;
    assert.deepEqual([level, category, message], ["trace", "probe.inner", "Heard ***"]);
    assert.deepEqual(fields, { what: "***", count: 3 });
    assert.deepEqual(forwarded, []);
    world.debug.lock("test");
    getLogger(["edgekeep", "probe"]).trace("Too late");
    assert.equal((await items.next()).done, true);
    const [record] = await world.audit.tail({ limit: 1 });
    assert.deepEqual([record?.operation, record?.outcome], ["debug.trace", "ok"]);
  } finally {
    await log.dispose();
  }
});

Deno.test("explain and preflight answer for the caller, whatever the parameters say", async () => {
  await using world = await OperationsWorld.open({ config: { runtime: { remote: { profile: "wan" } } } });
  const { site } = world;
  const operator = world.caller("operator", REMOTE);
  const explained = await world.result("policy.explain", { operation: "tags.force", target: TAG }, operator);
  assert.deepEqual([explained.allowed, explained.rule], [false, "debug_locked"]);
  world.debug.unlock(5, "test");
  assert.equal((await world.result("policy.explain", { operation: "tags.force" }, operator)).rule, "wan_denies_writes");
  const here = { operation: "tags.force", address: "local" };
  assert.equal((await world.result("policy.explain", here, operator)).allowed, true);
  const asked = { operation: "tags.list", role: "nobody" };
  assert.equal((await world.result("policy.explain", asked, operator)).rule, "needs_login");

  const ask = async (target: string, caller = world.caller("operator")) =>
    (await world.result("remote.preflight", { operation: "tags.force", target }, caller))
      .denials.map(({ code }: { code: string }) => code);
  assert.deepEqual(await ask(TAG, operator), ["permission_denied"]);
  assert.deepEqual(await ask("nowhere/x"), ["not_configured"]);
  assert.deepEqual(await ask(TAG), ["target_unreachable", "stale_data"]);
  site.set({ [TAG]: 20 });
  assert.deepEqual(await ask(TAG), []);
  site.tags.force(site.tag(TAG).id, 3, "anna");
  site.set({ "a840410000000001/moisture": 20 });
  assert.deepEqual(await ask(TAG), ["conflict"]);
  site.faults.raise("source_unreachable", "gone");
  assert.deepEqual(await ask(TAG), ["target_unreachable", "conflict"]);
});

Deno.test("profile wan: a change of several keys needs every one of them allowed", async () => {
  const remote = { profile: "wan", allow_write: ["config.set:gateway.*", "tags.force:a84041*"] };
  await using world = await OperationsWorld.open({ config: { runtime: { remote } } });
  world.debug.unlock(5, "test");
  const admin = world.caller("admin", REMOTE);
  const code = async (name: string, params: unknown) => {
    const answer = await world.call(name, params, admin);
    return answer.ok ? "ok" : answer.code;
  };
  assert.equal(await code("config.set", { set: { "gateway.site": '"x"' } }), "ok");
  assert.equal(
    await code("config.set", { set: { "gateway.site": '"x"', "runtime.remote.profile": '"dev"' } }),
    "permission_denied",
  );
  assert.equal(await code("config.apply", { text: "" }), "permission_denied");
  assert.equal(await code("tags.force", { id: TAG, value: 1 }), "ok");
  assert.equal(await code("tags.force", { id: "b000000000000001/energy total", value: 1 }), "permission_denied");
  assert.equal(await code("debug.lock", {}), "ok");
});

Deno.test("one's own password is changed after proving the old one", async () => {
  await using world = await OperationsWorld.open();
  const user = await world.user("viewer");
  const wrong = await world.call("users.password", { old: "not the password", next: "another long password" }, user);
  assert.ok(!wrong.ok && wrong.code === "permission_denied");
  await world.result("users.password", { old: PASSWORD, next: "another long password" }, user);
  const [record] = await world.audit.tail({ limit: 1 });
  assert.deepEqual([record?.target, record?.outcome], [user.principal?.user, "ok"]);
  const script = await world.call("users.password", { old: PASSWORD, next: "another long password" });
  assert.ok(!script.ok && script.code === "conflict");
});

Deno.test("a call that is cancelled says so", async () => {
  await using world = await OperationsWorld.open();
  world.site.history.before = (signal) =>
    new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  const stop = new AbortController();
  const call = world.call("history.query", { tag: TAG }, world.caller("viewer"), stop.signal);
  await waitFor("the read", () => world.site.history.reads === 1);
  stop.abort();
  const answer = await call;
  assert.ok(!answer.ok && answer.code === "cancelled");
});

Deno.test("the peer of the unix socket is an admin", async () => {
  await using world = await OperationsWorld.open({ claimed: false });
  const who = await world.result("whoami", {}, world.local());
  assert.deepEqual([who.name, who.role, who.transport, who.address], ["local", "admin", "unix", "local"]);
  await world.result("users.add", { name: "anna", password: PASSWORD, role: "admin" }, world.local());
  assert.equal(world.access.state, "open");
});
