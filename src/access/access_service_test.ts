import assert from "node:assert/strict";
import { accessWorld, cheapCost, from, noSettings, setupCodeIn } from "../../tests/lib/access_world.ts";
import { waitFor } from "../../tests/lib/wait_for.ts";
import { type Access, AccessError, type AccessSettings, type Authentication } from "./access.ts";
import { localPrincipal, type Principal } from "./principal.ts";

const DAY_US = 86_400_000_000;
const anna = { name: "anna", password: "correct horse battery", role: "admin" } as const;
const bert = { name: "bert", password: "staple of the trade", role: "operator" } as const;
const here = from("192.0.2.1");
const configured: AccessSettings = {
  configUser: { name: "scada", password: "configured password" },
  controlToken: "a".repeat(48),
  sessionIdleMs: 3_600_000,
};

function letIn(answer: Authentication): Principal {
  assert.ok(answer.ok, answer.ok ? "" : answer.reason);
  return answer.principal;
}

const reasonOf = (answer: Authentication) => answer.ok ? "let in" : answer.reason;

function refusal(code: AccessError["code"]) {
  return (error: unknown) => error instanceof AccessError && error.code === code;
}

async function login(access: Access, user: { name: string; password: string }, origin = here) {
  return letIn(await access.password(user.name, user.password, origin));
}

Deno.test("a stored user gets in with the password alone, with the user's role", async () => {
  await using world = await accessWorld();
  const { access } = world;
  await access.addUser(anna);
  await access.addUser(bert);
  assert.deepEqual(await login(access, bert), {
    kind: "password",
    name: "bert",
    role: "operator",
    credential: "user:bert",
    user: "bert",
    expiresUs: null,
  });
  assert.equal(reasonOf(await access.password("bert", "staple of the tradf", here)), "password_mismatch");
  assert.equal(reasonOf(await access.password("Bert", bert.password, here)), "user_mismatch");
  assert.equal(reasonOf(await access.password("nobody", bert.password, here)), "user_mismatch");
  assert.equal(reasonOf(await access.password("", "", here)), "user_mismatch");
  const again = await world.reopen();
  assert.equal((await login(again, bert)).role, "operator");
  assert.deepEqual(again.users().map(({ name, role, source }) => [name, role, source]), [
    ["anna", "admin", "store"],
    ["bert", "operator", "store"],
  ]);
});

Deno.test("nothing that is stored tells a secret", async () => {
  await using world = await accessWorld({ settings: configured });
  const { access } = world;
  await access.addUser(anna);
  const { token } = access.createToken({ label: "script", role: "viewer", lifetimeSeconds: null }, "anna");
  const { code } = access.startPairing({ label: "phone", role: "viewer", lifetimeSeconds: null }, "anna");
  const { cookie } = access.openSession(await login(access, anna), here, "browser");
  access.stop();
  for (const { name } of Deno.readDirSync(world.dir)) {
    const path = `${world.dir}/${name}`;
    const text = new TextDecoder("latin1").decode(await Deno.readFile(path));
    const secrets = [anna.password, token, token.slice(14), cookie, code, code.replace("-", ""), "configured password"];
    for (const secret of [...secrets, configured.controlToken ?? "?"]) assert.ok(!text.includes(secret), name);
    assert.equal((await Deno.stat(path)).mode ?? 0 & 0o777, 0o100600, name);
  }
});

Deno.test("wrong passwords are throttled, and the right one counts again after the wait", async () => {
  await using world = await accessWorld();
  const { access, clock } = world;
  await access.addUser(anna);
  for (let i = 0; i < 5; i++) {
    assert.equal(reasonOf(await access.password("anna", `wrong password ${i}`, here)), "password_mismatch");
  }
  const refused = await access.password("anna", anna.password, here);
  assert.deepEqual(refused, { ok: false, reason: "throttled", retryAfterMs: 1000 });
  clock.us += 1_000_000;
  await login(access, anna);
});

Deno.test("a user's own place stays open after a restart while strangers guess", async () => {
  await using world = await accessWorld();
  await world.access.addUser(anna);
  await login(world.access, anna);
  const access = await world.reopen();
  for (let i = 0; i < 30; i++) await access.password("anna", "wrong password", from(`198.51.100.${i}`));
  assert.equal(reasonOf(await access.password("anna", anna.password, from("203.0.113.1"))), "throttled");
  await login(access, anna);
});

Deno.test("many right logins at once are one login", async () => {
  await using world = await accessWorld();
  await world.access.addUser(anna);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => world.access.password("anna", anna.password, here)),
  );
  assert.ok(answers.every(({ ok }) => ok));
});

Deno.test("a flood of logins is turned away, and who is known still gets in", async () => {
  await using world = await accessWorld({ hashCost: { logN: 10, r: 8, p: 1 } });
  const { access } = world;
  await access.addUser(anna);
  await login(access, anna);
  // what was right is no longer remembered: the known user needs a hash too
  world.clock.us += 300_000_000;
  const flood = Array.from(
    { length: 200 },
    (_, i) => access.password(`user${i}`, "whatever it is", from(`10.0.${i}.1`)),
  );
  const known = access.password("anna", anna.password, here);
  const reasons = (await Promise.all(flood)).map(reasonOf);
  assert.equal(reasons.filter((reason) => reason === "user_mismatch").length, 18);
  assert.equal(reasons.filter((reason) => reason === "throttled").length, 182);
  assert.ok((await known).ok);
});

Deno.test("a password that was right is not hashed again, until the user changes", async () => {
  await using world = await accessWorld({ hashCost: { logN: 14, r: 8, p: 1 } });
  const { access } = world;
  await access.addUser(anna);
  await access.addUser({ ...bert, role: "admin" });
  await login(access, bert);
  // hashes that run hold the gate: what is remembered does not ask for it
  const busy = Array.from({ length: 2 }, (_, i) => access.password(`user${i}`, "whatever it is", from(`10.0.${i}.1`)));
  let hashed = false;
  const done = Promise.race(busy).then(() => hashed = true);
  await login(access, bert);
  assert.equal(hashed, false);
  await Promise.all([...busy, done]);
  await access.setUser("bert", { password: "another good one" });
  assert.equal(reasonOf(await access.password("bert", bert.password, here)), "password_mismatch");
});

Deno.test("a weaker hash is made anew at the next login", async () => {
  const world = await accessWorld({ hashCost: { logN: 2, r: 8, p: 1 } });
  await world.access.addUser(anna);
  world.access.stop();
  await using later = await accessWorld({ dir: world.dir, hashCost: cheapCost });
  await login(later.access, anna);
  later.access.stop();
  const stored = new TextDecoder("latin1").decode(await Deno.readFile(`${world.dir}/access.db`));
  assert.match(stored, /scrypt\$4\$8\$1\$/);
  assert.doesNotMatch(stored, /scrypt\$2\$8\$1\$/);
  await later.reopen();
  await login(later.access, anna);
});

Deno.test("bad names and passwords are refused with what to do, never with the password", async () => {
  await using world = await accessWorld();
  const { access } = world;
  const add = (name: string, password: string) => access.addUser({ name, password, role: "viewer" });
  for (const name of ["", "with space", "ü", "a".repeat(65), "a/b", "local", "Control-Token"]) {
    await assert.rejects(add(name, anna.password), refusal("bad_params"), name);
  }
  const passwords = [
    "",
    "short one",
    "x".repeat(257),
    "with\u0000control",
    "Password123",
    "qwertyuiop",
    "aaaaaaaaaaaa",
  ];
  for (const password of passwords) {
    await assert.rejects(
      add("carl", password),
      (error: Error) => refusal("bad_params")(error) && (password === "" || !error.message.includes(password)),
      password,
    );
  }
  await assert.rejects(add("long.enough.name", "Long.Enough.Name"), refusal("bad_params"));
  await add("ok@example.org", "ünïcödé is fine");
  await login(access, { name: "ok@example.org", password: "u\u0308nïcödé is fine" });
  await assert.rejects(add("OK@example.org", anna.password), refusal("conflict"));
});

Deno.test("the last admin cannot be taken away, unless a configured one is there", async () => {
  await using world = await accessWorld();
  const { access } = world;
  await access.addUser(anna);
  await access.addUser(bert);
  assert.throws(() => access.removeUser("anna"), refusal("conflict"));
  await assert.rejects(access.setUser("anna", { role: "engineer" }), refusal("conflict"));
  await assert.rejects(access.setUser("anna", { disabled: true }), refusal("conflict"));
  assert.equal((await login(access, anna)).role, "admin");
  access.configure(configured);
  access.removeUser("anna");
  assert.equal(reasonOf(await access.password("anna", anna.password, here)), "user_mismatch");
  assert.throws(() => access.removeUser("anna"), refusal("not_found"));
});

Deno.test("two who take each other's rights at once do not leave nobody", async () => {
  await using world = await accessWorld();
  const { access } = world;
  await access.addUser(anna);
  await access.addUser({ ...bert, role: "admin" });
  const results = await Promise.allSettled([
    access.setUser("anna", { role: "viewer", password: "some new password" }),
    access.setUser("bert", { role: "viewer", password: "some new password" }),
  ]);
  assert.deepEqual(results.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
  assert.equal(access.users().filter(({ role }) => role === "admin").length, 1);
});

Deno.test("a change of a user ends what the user has open", async () => {
  const changes = {
    role: (access: Access) => access.setUser("bert", { role: "viewer" }),
    disable: (access: Access) => access.setUser("bert", { disabled: true }),
    password: (access: Access) => access.setUser("bert", { password: "another good one" }),
    remove: (access: Access) => Promise.resolve(access.removeUser("bert")),
  };
  for (const [name, change] of Object.entries(changes)) {
    await using world = await accessWorld();
    const { access } = world;
    await access.addUser(anna);
    await access.addUser(bert);
    const principal = await login(access, bert);
    const { cookie } = access.openSession(principal, here, "browser");
    const visitor = letIn(access.session(cookie, here));
    const other = access.revoked(await login(access, anna));
    const signals = [access.revoked(principal), access.revoked(visitor), access.revoked({ ...principal })];
    assert.ok(signals.every(({ aborted }) => !aborted), name);
    await change(access);
    assert.ok(signals.every(({ aborted }) => aborted), name);
    assert.ok(access.revoked(principal).aborted, "asked late");
    assert.ok(!other.aborted);
    assert.equal(access.session(cookie, here).ok, name === "role", name);
    if (name === "role") {
      const after = letIn(access.session(cookie, here));
      assert.equal(after.role, "viewer");
      assert.ok(!access.revoked(after).aborted);
    }
    if (name === "disable") {
      assert.equal(reasonOf(await access.password("bert", bert.password, here)), "user_disabled");
      await access.setUser("bert", { disabled: false });
      await login(access, bert);
      assert.equal(reasonOf(access.session(cookie, here)), "session_expired");
    }
  }
});

Deno.test("a login that was under way when the user was switched off or replaced does not get in", async () => {
  await using world = await accessWorld({ hashCost: { logN: 12, r: 8, p: 1 } });
  const { access } = world;
  await access.addUser(anna);
  await access.addUser(bert);
  const late = access.password("bert", bert.password, here);
  await access.setUser("bert", { disabled: true });
  assert.equal(reasonOf(await late), "user_disabled");
  await access.setUser("bert", { disabled: false });
  const later = access.password("bert", bert.password, here);
  access.removeUser("bert");
  assert.equal(reasonOf(await later), "password_mismatch");
});

Deno.test("one's own password is changed with the old one, and other sessions end", async () => {
  await using world = await accessWorld();
  const { access, clock } = world;
  await access.addUser(anna);
  const principal = await login(access, anna);
  const mine = access.openSession(principal, here, "mine");
  const other = access.openSession(principal, here, "other");
  const visitor = letIn(access.session(mine.cookie, here));
  await assert.rejects(
    access.changePassword("anna", "not the old one", "another good one", here),
    refusal("permission_denied"),
  );
  await assert.rejects(access.changePassword("anna", anna.password, "short", here), refusal("bad_params"));
  await access.changePassword("anna", anna.password, "another good one", here, visitor.credential);
  assert.ok(access.session(mine.cookie, here).ok);
  assert.ok(!access.revoked(visitor).aborted);
  assert.equal(reasonOf(access.session(other.cookie, here)), "session_expired");
  assert.equal(reasonOf(await access.password("anna", anna.password, here)), "password_mismatch");
  await login(access, { ...anna, password: "another good one" });
  for (let i = 0; i < 8; i++) {
    await access.changePassword("anna", `guess number ${i}`, "yet another one", here).catch(() => {});
  }
  await assert.rejects(
    access.changePassword("anna", "another good one", "yet another one", here),
    refusal("throttled"),
  );
  clock.us += DAY_US;
  await access.changePassword("anna", "another good one", "yet another one", here);
});

Deno.test("the configured user is an admin for as long as the configuration names it, and is never stored", async () => {
  await using world = await accessWorld({ settings: configured });
  const { access } = world;
  const scada = { name: "scada", password: "configured password" };
  const principal = await login(access, scada);
  assert.deepEqual(principal, {
    kind: "config_user",
    name: "scada",
    role: "admin",
    credential: "user:scada",
    user: null,
    expiresUs: null,
  });
  assert.equal(reasonOf(await access.password("scada", "wrong", here)), "password_mismatch");
  assert.equal(access.users()[0]?.source, "config");
  await assert.rejects(access.addUser({ ...bert, name: "Scada" }), refusal("conflict"));
  await assert.rejects(access.setUser("scada", { role: "viewer" }), refusal("conflict"));
  await assert.rejects(access.changePassword("scada", scada.password, "another good one", here), refusal("conflict"));
  assert.throws(() => access.removeUser("scada"), refusal("conflict"));
  const { cookie } = access.openSession(principal, here, "browser");
  const signal = access.revoked(principal);
  access.configure({ ...configured, sessionIdleMs: 7_200_000 });
  assert.ok(!signal.aborted, "a limit is no credential");
  access.configure({ ...configured, configUser: { name: "scada", password: "a new password" } });
  assert.ok(signal.aborted);
  assert.equal(reasonOf(access.session(cookie, here)), "session_expired");
  assert.equal(reasonOf(await access.password("scada", scada.password, here)), "password_mismatch");
  await login(access, { name: "scada", password: "a new password" });
});

Deno.test("a stored user whom the configuration names is shut out, and the owner is told", async () => {
  await using world = await accessWorld();
  const { access, faults } = world;
  await access.addUser({ ...bert, name: "scada" });
  const principal = await login(access, { ...bert, name: "scada" });
  const { cookie } = access.openSession(principal, here, "browser");
  access.configure(configured);
  assert.deepEqual(faults.list().map(({ code }) => code), ["config_user_shadows_stored"]);
  assert.ok(access.revoked(principal).aborted);
  assert.equal(access.session(cookie, here).ok, false);
  assert.equal(reasonOf(await access.password("scada", bert.password, here)), "password_mismatch");
  assert.equal((await login(access, { name: "scada", password: "configured password" })).role, "admin");
  assert.equal(access.users().length, 1);
  access.removeUser("scada");
  assert.deepEqual(faults.list(), []);
  access.configure(noSettings);
  assert.equal(access.users().length, 0);
});

Deno.test("the control token is an admin, is throttled, and is swapped live", async () => {
  await using world = await accessWorld({ settings: configured });
  const { access, clock } = world;
  const token = configured.controlToken ?? "";
  const principal = letIn(access.token(token, here));
  assert.deepEqual([principal.name, principal.role, principal.credential], ["control-token", "admin", "control-token"]);
  assert.equal(reasonOf(access.token("", here)), "missing");
  const stranger = from("203.0.113.9");
  for (let i = 0; i < 5; i++) assert.equal(reasonOf(access.token(`guess ${i}`, stranger)), "token_mismatch");
  assert.equal(reasonOf(access.token(token, stranger)), "throttled");
  letIn(access.token(token, here));
  const { cookie } = access.openSession(principal, here, "browser");
  access.configure({ ...configured, controlToken: "b".repeat(48) });
  assert.ok(access.revoked(principal).aborted);
  assert.equal(access.session(cookie, here).ok, false);
  clock.us += DAY_US;
  assert.equal(reasonOf(access.token(token, from("203.0.113.10"))), "token_mismatch");
  letIn(access.token("b".repeat(48), from("203.0.113.11")));
});

Deno.test("sessions of configured credentials survive a restart, but not a change of the credential", async () => {
  await using world = await accessWorld({ settings: configured });
  const user = await login(world.access, { name: "scada", password: "configured password" });
  const first = world.access.openSession(user, here, "one").cookie;
  // stored once the mark of the credential is made
  await waitFor("the session in the file", async () => {
    const bytes = await Deno.readFile(`${world.dir}/access.db-wal`).catch(() => new Uint8Array());
    return new TextDecoder("latin1").decode(bytes).includes("config:scada");
  });
  const control = letIn(world.access.token(configured.controlToken ?? "", here));
  const second = world.access.openSession(control, here, "two").cookie;
  let access = await world.reopen();
  assert.ok(access.session(first, here).ok);
  assert.ok(access.session(second, here).ok);
  access = await world.reopen({ ...configured, configUser: { name: "scada", password: "a new password" } });
  assert.equal(reasonOf(access.session(first, here)), "session_expired");
  assert.ok(access.session(second, here).ok);
  access = await world.reopen({ ...configured, controlToken: null });
  assert.equal(reasonOf(access.session(second, here)), "session_expired");
});

Deno.test("a paired device stays logged in, used or not, until its token ends or is revoked", async () => {
  await using world = await accessWorld({ settings: configured });
  let { access } = world;
  const { clock } = world;
  const pair = (lifetimeSeconds: number | null) => {
    const { code } = access.startPairing({ label: "panel", role: "viewer", lifetimeSeconds }, "scada");
    const { token, info } = access.claimPairing(code, here);
    return { id: info.id, cookie: access.openSession(letIn(access.token(token, here)), here, "panel").cookie };
  };
  const month = pair(30 * 86_400);
  const revoked = pair(null);
  const endless = pair(null);
  const startUs = clock.us;
  clock.us += 29 * DAY_US;
  access = await world.reopen();
  assert.equal(letIn(access.session(month.cookie, here)).expiresUs, startUs + 30 * DAY_US);
  access.renewToken(month.id, 30 * 86_400);
  access.revokeToken(revoked.id);
  assert.notEqual(reasonOf(access.session(revoked.cookie, here)), "let in");
  clock.us += 29 * DAY_US;
  assert.ok(access.session(month.cookie, here).ok, "renewed with its token");
  clock.us += DAY_US;
  assert.equal(reasonOf(access.session(month.cookie, here)), "session_expired");
  clock.us = startUs + 399 * DAY_US;
  assert.ok(access.session(endless.cookie, here).ok);
  clock.us += DAY_US;
  assert.equal(reasonOf(access.session(endless.cookie, here)), "session_expired");
});

Deno.test("tokens carry their own role, end, and are revoked in flight", async () => {
  await using world = await accessWorld({ settings: configured });
  const { access, clock } = world;
  const grant = { label: "script", role: "operator", lifetimeSeconds: 3600 } as const;
  const { token, info } = access.createToken(grant, "scada");
  assert.match(token, /^ek_[a-z0-9]{10}_[\w-]{43}$/);
  assert.deepEqual([info.kind, info.label, info.role, info.createdBy], ["api", "script", "operator", "scada"]);
  assert.ok(!("digest" in info));
  const principal = letIn(access.token(token, here));
  assert.deepEqual([principal.kind, principal.name, principal.role], ["api_token", "script", "operator"]);
  assert.equal(principal.expiresUs, clock.us + 3_600_000_000);
  assert.equal(access.tokens()[0]?.lastAddress, "192.0.2.1");
  const altered = token.slice(0, -1) + (token.endsWith("A") ? "E" : "A");
  assert.equal(reasonOf(access.token(altered, from("203.0.113.1"))), "token_mismatch");
  clock.us += 3_600_000_000;
  assert.equal(reasonOf(access.token(token, here)), "token_expired");
  access.renewToken(info.id, null);
  const again = letIn(access.token(token, here));
  const { cookie } = access.openSession(again, here, "phone");
  const visitor = letIn(access.session(cookie, here));
  const signals = [access.revoked(again), access.revoked(visitor)];
  access.revokeToken(info.id);
  assert.ok(signals.every(({ aborted }) => aborted));
  assert.equal(reasonOf(access.token(token, here)), "token_mismatch");
  assert.equal(reasonOf(access.session(cookie, here)), "session_expired");
  assert.throws(() => access.revokeToken(info.id), refusal("not_found"));
  const reopened = await world.reopen();
  assert.deepEqual(reopened.tokens(), []);
});

Deno.test("a right token passes from an address that is throttled", async () => {
  await using world = await accessWorld({ settings: configured });
  const { access } = world;
  const { token } = access.createToken({ label: "script", role: "viewer", lifetimeSeconds: null }, "scada");
  for (let i = 0; i < 20; i++) access.token(`ek_${"a".repeat(10)}_${"b".repeat(43)}`, here);
  assert.equal(reasonOf(access.token(`ek_${"a".repeat(10)}_${"b".repeat(43)}`, here)), "throttled");
  letIn(access.token(token, here));
});

Deno.test("bad grants are refused", async () => {
  await using world = await accessWorld({ settings: configured });
  const { access } = world;
  for (
    const grant of [
      { label: " ", role: "viewer", lifetimeSeconds: null },
      { label: "a\nb", role: "viewer", lifetimeSeconds: null },
      { label: "a", role: "root" as "admin", lifetimeSeconds: null },
      { label: "a", role: "viewer", lifetimeSeconds: 0 },
      { label: "a", role: "viewer", lifetimeSeconds: NaN },
      { label: "a", role: "viewer", lifetimeSeconds: 1e12 },
    ] as const
  ) {
    assert.throws(() => access.createToken(grant, "scada"), refusal("bad_params"));
    assert.throws(() => access.startPairing(grant, "scada"), refusal("bad_params"));
  }
});

Deno.test("a session slides, has an absolute end, a new cookie each time, and survives a restart", async () => {
  await using world = await accessWorld();
  let { access } = world;
  const { clock } = world;
  await access.addUser(anna);
  const principal = await login(access, anna);
  const { cookie, info } = access.openSession(principal, here, "browser\u0000\u202e/1.0");
  assert.match(cookie, /^[0-9a-f]{64}$/);
  assert.equal(info.userAgent, "browser/1.0");
  assert.ok(!cookie.includes(info.id));
  assert.notEqual(access.openSession(principal, here, "").cookie, cookie);
  for (let i = 0; i < 23; i++) {
    clock.us += 3_599_000_000;
    assert.ok(access.session(cookie, here).ok, `hour ${i}`);
    if (i === 10) access = await world.reopen();
  }
  clock.us += 3_599_000_000;
  clock.us += 30_000_000;
  assert.equal(reasonOf(access.session(cookie, here)), "session_expired", "a day is over");
  const idle = access.openSession(await login(access, anna), here, "browser").cookie;
  clock.us += 3_600_000_000;
  assert.equal(reasonOf(access.session(idle, here)), "session_expired");
  assert.deepEqual(access.sessions(), []);
  for (const bad of ["", "x", cookie.toUpperCase(), `${cookie}0`, "0".repeat(64)]) {
    assert.equal(access.session(bad, here).ok, false);
  }
});

Deno.test("a user has twenty sessions at most, and any can be closed", async () => {
  await using world = await accessWorld();
  const { access, clock } = world;
  await access.addUser(anna);
  const principal = await login(access, anna);
  const cookies: string[] = [];
  for (let i = 0; i < 21; i++) {
    clock.us += 1_000_000;
    cookies.push(access.openSession(principal, here, String(i)).cookie);
    if (i === 19) assert.ok(access.session(cookies[0] ?? "", here).ok);
  }
  assert.equal(access.sessions().length, 20);
  assert.ok(access.session(cookies[0] ?? "", here).ok, "used lately");
  assert.ok(!access.session(cookies[1] ?? "", here).ok, "unused the longest");
  const { id } = access.sessions().at(-1) ?? { id: "" };
  const visitor = letIn(access.session(cookies[20] ?? "", here));
  assert.equal(access.closeSession(id), true);
  assert.ok(access.revoked(visitor).aborted);
  assert.equal(access.closeSession(id), false);
  assert.equal(access.sessions().length, 19);
});

Deno.test("nobody opens a session for what is over or has no credential", async () => {
  await using world = await accessWorld();
  const { access } = world;
  await access.addUser(anna);
  await access.addUser(bert);
  const principal = await login(access, bert);
  access.removeUser("bert");
  await access.addUser(bert);
  assert.throws(
    () => access.openSession(principal, here, ""),
    refusal("permission_denied"),
    "a new user of the old name",
  );
  assert.throws(() => access.openSession(localPrincipal, here, ""), refusal("permission_denied"));
  assert.ok(!access.revoked(localPrincipal).aborted);
  assert.ok(access.revoked({ ...localPrincipal, kind: "api_token", credential: "token:unknown" }).aborted);
});

Deno.test("time ends signals by itself", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const { openAccess } = await import("./open_access.ts");
    const { EventFeed } = await import("../telemetry/event_feed.ts");
    const { FaultBoard } = await import("../telemetry/fault_board.ts");
    const nowUs = () => Date.now() * 1000;
    const [faults, feed] = [new FaultBoard(nowUs), new EventFeed(nowUs)];
    const access = await openAccess({ dataDir: dir, settings: configured, faults, feed, nowUs, hashCost: cheapCost });
    const { token } = access.createToken({ label: "short", role: "viewer", lifetimeSeconds: 0.3 }, "scada");
    const signal = access.revoked(letIn(access.token(token, here)));
    await waitFor("the end of the token", () => signal.aborted);
    access.stop();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a client certificate stands for one user", async () => {
  await using world = await accessWorld();
  const { access } = world;
  const print = "ab".repeat(32);
  await access.addUser(anna);
  await access.addUser(bert);
  const info = await access.setUser("bert", { certificates: [print, print.toUpperCase()] });
  assert.deepEqual(info.certificates, [Array(32).fill("AB").join(":")]);
  const principal = letIn(access.certificate(info.certificates[0] ?? "", here));
  assert.deepEqual([principal.kind, principal.name, principal.role], ["certificate", "bert", "operator"]);
  assert.equal(reasonOf(access.certificate("cd".repeat(32), here)), "certificate_unknown");
  assert.equal(reasonOf(access.certificate("", here)), "certificate_unknown");
  await assert.rejects(access.setUser("anna", { certificates: [print] }), refusal("conflict"));
  await assert.rejects(access.setUser("anna", { certificates: ["AB:CD"] }), refusal("bad_params"));
  const again = await world.reopen();
  const later = letIn(again.certificate(print, here));
  await again.setUser("bert", { certificates: [] });
  assert.ok(again.revoked(later).aborted);
  assert.equal(reasonOf(again.certificate(print, here)), "certificate_unknown");
  await again.setUser("anna", { certificates: [print] });
});

Deno.test("nothing exists: one set-up code makes the first admin, and is dead then", async () => {
  await using world = await accessWorld();
  let { access } = world;
  assert.equal(access.state, "unclaimed");
  const code = await setupCodeIn(world.dir);
  assert.match(code, /^[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}$/);
  assert.equal((await Deno.stat(`${world.dir}/setup-code`)).mode ?? 0 & 0o777, 0o100600);
  access = await world.reopen();
  assert.equal(await setupCodeIn(world.dir), code, "survives a restart");
  await assert.rejects(access.claimSetup("AAAA-AAAA-AAAA", anna, here), refusal("permission_denied"));
  await assert.rejects(access.claimSetup(code, { ...anna, password: "short" }, here), refusal("bad_params"));
  const typed = code.toLowerCase().replaceAll("-", " ");
  const results = await Promise.allSettled([
    access.claimSetup(typed, anna, here),
    access.claimSetup(typed, { ...bert, name: "other" }, here),
  ]);
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected"]);
  assert.equal(access.state, "open");
  assert.deepEqual(access.users().map(({ name, role }) => [name, role]), [["anna", "admin"]]);
  await assert.rejects(access.claimSetup(code, bert, here), refusal("conflict"));
  await assert.rejects(Deno.stat(`${world.dir}/setup-code`), Deno.errors.NotFound);
  assert.equal((await world.reopen()).state, "open");
});

Deno.test("guesses at the set-up code are throttled", async () => {
  await using world = await accessWorld();
  const { access } = world;
  for (let i = 0; i < 5; i++) {
    await assert.rejects(access.claimSetup(`AAAA-AAAA-AAA${i}`, anna, here), refusal("permission_denied"));
  }
  const code = await setupCodeIn(world.dir);
  await assert.rejects(access.claimSetup(code, anna, here), refusal("throttled"));
  await access.claimSetup(code, anna, from("203.0.113.1"));
});

Deno.test("any first credential ends the unclaimed state", async () => {
  const credentials: Record<string, (access: Access) => unknown> = {
    user: (access) => access.addUser(bert),
    token: (access) => access.createToken({ label: "script", role: "viewer", lifetimeSeconds: null }, "local"),
    configured: (access) => access.configure(configured),
  };
  for (const [name, make] of Object.entries(credentials)) {
    await using world = await accessWorld();
    const { access } = world;
    const code = await setupCodeIn(world.dir);
    await make(access);
    assert.equal(access.state, "open", name);
    await assert.rejects(access.claimSetup(code, anna, here), refusal("conflict"), name);
    await assert.rejects(Deno.stat(`${world.dir}/setup-code`), Deno.errors.NotFound);
  }
});

Deno.test("a set-up code that others could read is replaced", async () => {
  await using world = await accessWorld();
  const code = await setupCodeIn(world.dir);
  await Deno.chmod(`${world.dir}/setup-code`, 0o644);
  await world.reopen();
  assert.notEqual(await setupCodeIn(world.dir), code);
  await Deno.writeTextFile(`${world.dir}/setup-code`, "AAAA");
  await world.reopen();
  assert.match(await setupCodeIn(world.dir), /^.{4}-.{4}-.{4}$/);
});

Deno.test("a stopped store lets nobody in", async () => {
  await using world = await accessWorld({ settings: configured });
  const { access } = world;
  access.stop();
  assert.equal(reasonOf(await access.password("scada", "configured password", here)), "closed");
  assert.equal(reasonOf(access.token(configured.controlToken ?? "", here)), "closed");
  assert.equal(reasonOf(access.session("0".repeat(64), here)), "closed");
  await assert.rejects(access.addUser(anna), refusal("unavailable"));
});

Deno.test("a certificate that is shown counts as a failure until it is proved, and an owner is never shut out", async () => {
  await using world = await accessWorld();
  const { access, clock } = world;
  await access.addUser({ name: "anna", password: "staple of the trade", role: "viewer" });
  await access.setUser("anna", { certificates: ["AB".repeat(32)] });
  const here = { transport: "opcua", address: "192.0.2.8" } as const;
  const waits = Array.from({ length: 6 }, () => access.presented("CD".repeat(32), here).waitMs > 0);
  assert.deepEqual(waits, [false, false, false, false, false, true]);
  assert.equal(access.presented("AB".repeat(32), here).waitMs, 0);
  assert.equal(access.presented("CD".repeat(32), { ...here, address: "192.0.2.9" }).waitMs, 0);
  clock.us += 24 * 3_600_000_000;
  for (let i = 0; i < 20; i++) {
    const shown = access.presented("AB".repeat(32), here);
    assert.equal(shown.waitMs, 0);
    shown.proved();
  }
  assert.equal(access.presented("CD".repeat(32), here).waitMs, 0, "good ones leave nothing behind");
});
