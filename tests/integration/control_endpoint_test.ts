import assert from "node:assert/strict";
import { join } from "node:path";
import { connectControl, ControlRefusal, ControlUnreachable } from "../../src/control/control_client.ts";
import { startControl } from "../../src/control/start_control.ts";
import { ControlPeer } from "../lib/control_peer.ts";
import { ControlWorld } from "../lib/control_world.ts";
import { waitFor } from "../lib/wait_for.ts";

const tcp = { endpoint: "tcp://127.0.0.1:0" };

Deno.test("the unix socket is its owner's alone, and gone after the stop", async () => {
  const world = await ControlWorld.start();
  const { mode, isSocket } = await Deno.lstat(world.socketPath);
  assert.equal(isSocket, true);
  assert.equal((mode ?? 0) & 0o777, 0o600);
  assert.deepEqual([...Deno.readDirSync(world.folder)].map(({ name }) => name), ["control.sock"]);
  await world.control?.stop();
  assert.deepEqual([...Deno.readDirSync(world.folder)], []);
  await world[Symbol.asyncDispose]();
});

Deno.test("a named group gets the unix socket too; an unknown one refuses the start with exit code 6", async () => {
  const own = Deno.readTextFileSync("/etc/group").split("\n").map((line) => line.split(":"))
    .find(([, , gid]) => gid === String(Deno.gid()))?.[0];
  await using world = await ControlWorld.start({ group: own });
  const { mode, gid } = await Deno.lstat(world.socketPath);
  assert.equal((mode ?? 0) & 0o777, 0o660);
  assert.equal(gid, Deno.gid());
  await assert.rejects(
    startControl(world.options({ endpoint: `unix://${world.folder}/other.sock`, group: "no-such-group" })),
    { code: "group_unknown", exitCode: 6 },
  );
});

Deno.test("a socket that a dead process left is replaced; one that answers is not", async () => {
  await using world = await ControlWorld.start();
  await assert.rejects(startControl(world.options()), { code: "EADDRINUSE", exitCode: 6 });
  const peer = await ControlPeer.connect(world.url);
  assert.equal((await peer.ask({ id: 1, type: "whoami" })).ok, true);
  peer.close();
  const left = join(world.folder, "left.sock");
  const dead = Deno.listen({ transport: "unix", path: `${left}.born` });
  // closing it would delete its file; a killed process leaves it
  await Deno.rename(`${left}.born`, left);
  dead.close();
  await Deno.mkdir(`${left}.new`);
  await Deno.writeTextFile(`${left}.new/s`, "from a start that was killed");
  const before = await Deno.lstat(left).catch(() => null);
  assert.notEqual(before, null, "the dead socket's file lies there");
  const control = await startControl(world.options({ endpoint: `unix://${left}` }));
  const client = await connectControl({ endpoint: control.url });
  assert.deepEqual(await client.call("whoami"), { name: "local" });
  client.close();
  await control.stop();
});

Deno.test("what is no socket, or too long a path, refuses the start with exit code 6 and stays untouched", async () => {
  await using world = await ControlWorld.start();
  const file = join(world.folder, "notes.txt");
  await Deno.writeTextFile(file, "mine");
  await assert.rejects(startControl(world.options({ endpoint: `unix://${file}` })), { code: "EEXIST", exitCode: 6 });
  assert.equal(await Deno.readTextFile(file), "mine");
  const long = `unix://${world.folder}/${"x".repeat(100)}`;
  await assert.rejects(startControl(world.options({ endpoint: long })), { code: "ENAMETOOLONG", exitCode: 6 });
});

Deno.test("a unix socket whose file is deleted is a fault and comes back", async () => {
  await using world = await ControlWorld.start({}, { lookEveryMs: 20 });
  const raised: string[] = [];
  world.faults.subscribe(({ code }, active) => raised.push(`${code} ${active}`));
  await Deno.remove(world.socketPath);
  await waitFor("a socket at its place", () => Deno.lstatSync(world.socketPath).isSocket);
  await waitFor("the fault to go", () => raised.includes("control_failed false"));
  assert.equal(raised[0], "control_failed true");
  const client = await connectControl({ endpoint: world.url });
  assert.deepEqual(await client.call("whoami"), { name: "local" });
  client.close();
});

Deno.test("a port in use refuses the start with the system's code", async () => {
  await using world = await ControlWorld.start(tcp);
  const endpoint = world.url;
  await assert.rejects(startControl(world.options({ endpoint })), { code: "EADDRINUSE" });
});

Deno.test("require_token makes a stranger of the socket's peer", async () => {
  await using world = await ControlWorld.start({ require_token: true });
  const client = await connectControl({ endpoint: world.url });
  await assert.rejects(client.call("whoami"), { name: "ControlRefusal", code: "unauthenticated", auditId: "1" });
  assert.deepEqual(await client.call("hello"), { product: "edgekeep" });
  client.close();
});

for (const tls of [false, true]) {
  const name = tls ? "TLS" : "TCP";

  Deno.test(`over ${name} a stranger gets hello alone, and a token its role, for the connection or for one line`, async () => {
    await using world = await ControlWorld.start(tcp, { tls });
    const peer = await ControlPeer.connect(world.url);
    assert.equal((await peer.ask({ id: 1, type: "status" })).error_code, "unauthenticated");
    assert.equal((await peer.ask({ id: 2, type: "hello" })).ok, true);
    const once = await peer.ask({ id: 3, type: "whoami", auth: "admin-token" });
    assert.deepEqual(once.result, { name: "admin token" });
    assert.equal((await peer.ask({ id: 4, type: "whoami" })).error_code, "unauthenticated");
    const shown = await peer.ask({ id: 5, type: "auth", auth: "viewer-token" });
    assert.deepEqual(shown.result, { name: "viewer token", role: "viewer", kind: "api_token", expires: null });
    assert.deepEqual((await peer.ask({ id: 6, type: "whoami" })).result, { name: "viewer token" });
    assert.equal((await peer.ask({ id: 7, type: "config.get" })).error_code, "permission_denied");
    assert.equal((await peer.ask({ id: 8, type: "status", auth: "admin-token" })).ok, true);
    assert.equal((await peer.ask({ id: 9, type: "no.such" })).error_code, "unknown_operation");
    const [session] = world.control?.list() ?? [];
    assert.deepEqual([session?.name, session?.role, session?.address, session?.client], [
      "viewer token",
      "viewer",
      "127.0.0.1",
      tls ? "tls" : "tcp",
    ]);
    assert.equal(world.control?.close(session?.id ?? ""), true);
    await peer.untilClosed();
    assert.equal(world.control?.close(session?.id ?? ""), false);
  });

  Deno.test(`over ${name} five refused tokens close the connection, each written down without the token`, async () => {
    await using world = await ControlWorld.start(tcp, { tls });
    const peer = await ControlPeer.connect(world.url);
    for (let id = 1; id <= 5; id++) {
      const answer = await peer.ask({ id, type: id === 2 ? "hello" : "auth", auth: `guess-${id}` });
      assert.deepEqual([answer.ok, answer.error_code], [false, "unauthenticated"]);
    }
    await peer.untilClosed();
    assert.equal(world.audit.count("control_auth_failed"), 5);
    assert.deepEqual(world.audit.entries[0]?.fields, { source_ip: "127.0.0.1", reason: "token_mismatch" });
    assert.doesNotMatch(JSON.stringify(world.audit.entries), /guess/);
  });
}

Deno.test("a throttled address hears when to come back", async () => {
  await using world = await ControlWorld.start(tcp);
  world.tokens.throttledForMs = 1234.5;
  const peer = await ControlPeer.connect(world.url);
  const answer = await peer.ask({ id: 1, type: "auth", auth: "admin-token" });
  assert.deepEqual([answer.error_code, answer.retry_after_ms], ["throttled", 1235]);
  assert.equal(world.audit.entries[0]?.outcome, "throttled");
  peer.close();
});

Deno.test("a token that is revoked ends its stream at once and the next call is refused", async () => {
  await using world = await ControlWorld.start(tcp, { tls: true });
  const peer = await ControlPeer.connect(world.url);
  await peer.ask({ id: 1, type: "auth", auth: "viewer-token" });
  peer.sendLine({ id: 2, type: "events.tail" });
  assert.deepEqual(await peer.next("the stream to open", ({ id }) => id === 2), {
    id: 2,
    ok: true,
    more: true,
    audit_id: "7",
  });
  world.emit({ n: 1 });
  await peer.next("an item", ({ result }) => (result as { n?: number } | undefined)?.n === 1);
  world.tokens.revoke("viewer-token");
  const last = await peer.next("the stream's end", ({ id, more }) => id === 2 && more !== true);
  assert.equal(last.error_code, "unauthenticated");
  await waitFor("the operation to end", () => world.streams === 0);
  assert.equal((await peer.ask({ id: 3, type: "whoami" })).error_code, "unauthenticated");
  assert.equal(world.audit.entries.at(-1)?.fields?.["reason"], "revoked");
  assert.equal(world.control?.list()[0]?.name, null);
  // a recorded line is worth nothing either
  assert.equal((await peer.ask({ id: 4, type: "whoami", auth: "viewer-token" })).error_code, "unauthenticated");
  peer.close();
});

Deno.test("a new certificate counts for the next connection and those that are open stay", async () => {
  await using world = await ControlWorld.start(tcp, { tls: true });
  const old = world.certificate?.facts.fingerprint;
  const early = await connectControl({ endpoint: world.url, token: "viewer-token", tls: { fingerprint: old } });
  await world.certificate?.swap();
  assert.deepEqual(await early.call("whoami"), { name: "viewer token" });
  await assert.rejects(
    connectControl({ endpoint: world.url, token: "viewer-token", tls: { fingerprint: old } }),
    ControlUnreachable,
  );
  const fingerprint = world.certificate?.facts.fingerprint.toLowerCase().replaceAll(":", "");
  const late = await connectControl({ endpoint: world.url, token: "viewer-token", tls: { fingerprint } });
  assert.deepEqual(await late.call("whoami"), { name: "viewer token" });
  early.close();
  late.close();
});

Deno.test("the client trusts a CA, a fingerprint, or nobody", async () => {
  await using world = await ControlWorld.start(tcp, { tls: true });
  const endpoint = world.url.replace("tls:", "tcp:");
  await assert.rejects(connectControl({ endpoint, tls: {} }), ControlUnreachable);
  await assert.rejects(connectControl({ endpoint: world.url }), ControlUnreachable);
  const trusted = await connectControl({
    endpoint,
    tls: { ca: world.certificate?.material.cert },
    token: "admin-token",
  });
  assert.deepEqual(await trusted.call("whoami"), { name: "admin token" });
  trusted.close();
  const careless = await connectControl({ endpoint, tls: { insecure: true } });
  assert.deepEqual(await careless.call("hello"), { product: "edgekeep" });
  careless.close();
  await assert.rejects(connectControl({ endpoint }).then((client) => client.call("hello")), /speaks TLS/);
});

Deno.test("the client says what was refused and when nobody is there", async () => {
  await using world = await ControlWorld.start(tcp);
  await assert.rejects(
    connectControl({ endpoint: world.url, token: "wrong" }),
    (error) => error instanceof ControlRefusal && error.code === "unauthenticated" && error.auditId === "1",
  );
  const client = await connectControl({ endpoint: world.url, token: "viewer-token" });
  const waiting = client.call("status", { wait: true });
  const items = client.stream("events.tail")[Symbol.asyncIterator]().next();
  await waitFor("both to run", () => world.calls === 1 && world.streams === 1);
  const both = Promise.allSettled([waiting, items]);
  await world.control?.stop();
  for (const end of await both) assert.ok(end.status === "rejected" && end.reason instanceof ControlUnreachable);
  assert.equal(client.connected, false);
  await assert.rejects(connectControl({ endpoint: world.url }), ControlUnreachable);
  await assert.rejects(connectControl({ endpoint: `unix://${world.folder}/none.sock` }), /is it running/);
  await assert.rejects(connectControl({ endpoint: "http://127.0.0.1" }), ControlUnreachable);
});

Deno.test("a call that does not end does not keep the endpoint from stopping", async () => {
  await using world = await ControlWorld.start();
  const client = await connectControl({ endpoint: world.url });
  const lost = assert.rejects(client.call("status", { wait: true, stubborn: true }), ControlUnreachable);
  await waitFor("the call to run", () => world.calls === 1);
  await world.control?.stop();
  await lost;
  world.release();
  await waitFor("the call to end", () => world.calls === 0);
});

Deno.test("a stream ends quietly when the client aborts it, and breaks off when it leaves the loop", async () => {
  await using world = await ControlWorld.start();
  const client = await connectControl({ endpoint: world.url });
  const stop = new AbortController();
  const seen: unknown[] = [];
  const reading = (async () => {
    for await (const item of client.stream("tags.subscribe", {}, stop.signal)) seen.push(item);
  })();
  await waitFor("the stream", () => world.streams === 1);
  for (let n = 0; n < 3000; n++) world.emit(n);
  await waitFor("all items", () => seen.length === 3000);
  stop.abort();
  await reading;
  await waitFor("the gateway to end it", () => world.streams === 0);
  const leaving = (async () => {
    for await (const item of client.stream("tags.subscribe")) return item;
    return null;
  })();
  await waitFor("the stream", () => world.streams === 1);
  world.emit("first");
  assert.equal(await leaving, "first");
  await waitFor("the gateway to end it", () => world.streams === 0);
  assert.deepEqual(await client.call("whoami"), { name: "local" });
  client.close();
});
