import assert from "node:assert/strict";
import { ControlPeer } from "../lib/control_peer.ts";
import { ControlWorld } from "../lib/control_world.ts";
import { waitFor } from "../lib/wait_for.ts";

Deno.test("a line is answered by one line with its id and its request_id", async () => {
  await using world = await ControlWorld.start();
  const peer = await ControlPeer.connect(world.url);
  peer.send('{"id":"a","type":"whoami","request_id":"r-1"}\r\n{"id":2,"type":"hello","params":{}}\n');
  await peer.next("the second answer", ({ id }) => id === 2);
  assert.deepEqual(peer.lines, [
    { id: "a", request_id: "r-1", ok: true, result: { name: "local" } },
    { id: 2, ok: true, result: { product: "edgekeep" } },
  ]);
  assert.equal(world.callers[0]?.requestId, "r-1");
  assert.deepEqual(
    { transport: world.callers[0]?.transport, address: world.callers[0]?.address },
    { transport: "unix", address: "local" },
  );
  peer.close();
});

Deno.test("a line that arrives byte by byte is one line", async () => {
  await using world = await ControlWorld.start();
  const peer = await ControlPeer.connect(world.url);
  for (const byte of new TextEncoder().encode('{"id":1,"type":"whoami","request_id":"€"}\n')) {
    peer.send(Uint8Array.of(byte));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const answer = await peer.next("an answer", ({ id }) => id === 1);
  assert.equal(answer.error_code, "bad_request");
  assert.equal(answer.field, "request_id");
  peer.close();
});

Deno.test("what is no request is refused, named and written down, and the connection lives", async () => {
  await using world = await ControlWorld.start();
  const peer = await ControlPeer.connect(world.url);
  const wrong: [string | Uint8Array, string | number | null, string | undefined][] = [
    ["", null, undefined],
    ["not json", null, undefined],
    ["[]", null, undefined],
    ["null", null, undefined],
    ['"text"', null, undefined],
    ["{}", null, "id"],
    ['{"id":1}', 1, "type"],
    ['{"id":1.5,"type":"status"}', null, "id"],
    ['{"id":1e400,"type":"status"}', null, "id"],
    ['{"id":"","type":"status"}', null, "id"],
    [`{"id":"${"x".repeat(65)}","type":"status"}`, null, "id"],
    ['{"id":1,"type":7}', 1, "type"],
    ['{"id":1,"type":"status","auth":7}', 1, "auth"],
    ['{"id":1,"type":"status","request_id":""}', 1, "request_id"],
    ['{"id":1,"type":"status","param":{}}', 1, "param"],
    ['{"id":1,"type":"status","__proto__":{"role":"admin"}}', 1, "__proto__"],
    [`{"id":1,"type":"status","params":${"[".repeat(70)}${"]".repeat(70)}}`, null, undefined],
    [Uint8Array.of(0x22, 0xff, 0xfe, 0x22), null, undefined],
    ['{"id":1,"type":"status"}\u0000', null, undefined],
    ['\ufeff{"id":1,"type":"status"}', null, undefined],
    ['{"id":1,"type":"cancel"}', 1, "params.id"],
    ['{"id":1,"type":"auth"}', 1, "auth"],
  ];
  for (const [index, [line, id, field]] of wrong.entries()) {
    peer.send(line);
    peer.send("\n");
    await waitFor(`answer ${index}`, () => peer.lines.length === index + 1, { everyMs: 2 });
    const answer = peer.lines[index];
    assert.ok(answer !== undefined);
    assert.equal(answer.ok, false, `${line}`);
    assert.match(answer.error_code ?? "", /^bad_(request|params)$/);
    assert.equal(answer.id, id, `${line}`);
    assert.equal(answer.field, field, `${line}`);
    assert.equal(answer.audit_id, String(index + 1));
  }
  assert.equal(world.audit.count("control_malformed"), wrong.length);
  assert.equal((await peer.ask({ id: 9, type: "whoami" })).ok, true);
  assert.equal(world.callers.length, 1);
  peer.close();
});

Deno.test("a line beyond 1 MiB is refused once, skipped to its end, and the connection lives", async () => {
  await using world = await ControlWorld.start();
  const peer = await ControlPeer.connect(world.url);
  const half = "x".repeat(600_000);
  peer.send(half);
  peer.send(half);
  const refusal = await peer.next("the refusal", () => true);
  assert.equal(refusal.error_code, "too_large");
  peer.send(`${half}"}\n`);
  assert.equal((await peer.ask({ id: 1, type: "whoami" })).ok, true);
  const longest = JSON.stringify({ id: 2, type: "status", params: { pad: "" } });
  peer.send(`${longest.replace('""', `"${"y".repeat(1_048_576 - longest.length)}"`)}\n`);
  assert.equal((await peer.next("the longest line", ({ id }) => id === 2)).ok, true);
  assert.equal(peer.lines.length, 3);
  peer.close();
});

Deno.test("a line without end closes the connection", async () => {
  await using world = await ControlWorld.start({}, { limits: { maxSkippedBytes: 2_000_000 } });
  const peer = await ControlPeer.connect(world.url);
  for (let count = 0; count < 4 && !peer.closed; count++) peer.send("x".repeat(1_000_000));
  await peer.untilClosed();
  assert.deepEqual(peer.lines.map((line) => line.error_code), ["too_large", "too_large"]);
});

Deno.test("an operation that fails inside tells the peer nothing of it", async () => {
  await using world = await ControlWorld.start();
  const peer = await ControlPeer.connect(world.url);
  const answer = await peer.ask({ id: 1, type: "status", params: { explode: true } });
  assert.deepEqual(answer, { id: 1, ok: false, error: "Internal error", error_code: "internal" });
  assert.equal((await peer.ask({ id: 2, type: "status", params: { unwritable: true } })).error_code, "internal");
  assert.equal((await peer.ask({ id: 3, type: "status", params: { characters: 17_000_000 } })).error_code, "too_large");
  assert.equal((await peer.ask({ id: 4, type: "whoami" })).ok, true);
  peer.close();
});

Deno.test("at most 16 calls run at once, and an id in use is refused", async () => {
  await using world = await ControlWorld.start();
  const peer = await ControlPeer.connect(world.url);
  for (let id = 1; id <= 16; id++) peer.sendLine({ id, type: "status", params: { wait: true } });
  await waitFor("all to run", () => world.calls === 16);
  assert.equal((await peer.ask({ id: 17, type: "status" })).error_code, "too_many");
  const again = await peer.ask({ id: 3, type: "status" });
  assert.deepEqual([again.error_code, again.field], ["bad_request", "id"]);
  assert.deepEqual((await peer.ask({ id: 18, type: "cancel", params: { id: 3 } })).result, { cancelled: true });
  await peer.next("the cancelled call's end", (line) => line.id === 3 && line.error_code === "cancelled");
  assert.deepEqual((await peer.ask({ id: 19, type: "cancel", params: { id: 3 } })).result, { cancelled: false });
  world.release();
  await waitFor("all answers", () => peer.lines.filter(({ ok, id }) => ok && Number(id) <= 16).length === 15);
  assert.equal(world.audit.count("control_malformed"), 2);
  peer.close();
});

Deno.test("a peer that stops sending still gets its answer, as a shell's pipe needs it", async () => {
  await using world = await ControlWorld.start();
  const peer = await ControlPeer.connect(world.url);
  peer.socket.end('{"id":1,"type":"status","params":{"wait":true}}\n{"id":2,"type":"events.tail"}\n');
  await peer.next("the stream's end", (line) => line.id === 2 && line.error_code === "cancelled");
  world.release();
  assert.equal((await peer.next("the answer", ({ id }) => id === 1)).ok, true);
  await peer.untilClosed();
  await waitFor("the connection to be forgotten", () => world.control?.list().length === 0);
});
