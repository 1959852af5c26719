import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { X509Certificate } from "node:crypto";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { HubApiWorld, hubCertificate } from "../../../tests/lib/hub_api_world.ts";
import { hub, hubKey, nonceOf, otherKey } from "../../../tests/lib/mesh_keys.ts";
import { exampleMembers } from "../../../tests/lib/mesh_examples.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { apiPaths } from "../../mesh/api_messages.ts";
import { newNonce, sha256Hex, toBase64Url } from "../../mesh/encoding.ts";
import { openEnvelope, openRegistration } from "../../mesh/envelope.ts";
import { type HubId, noNode } from "../../mesh/ids.ts";
import { newSeed, signingKeyOf } from "../../mesh/keys.ts";
import { sealObject } from "../../mesh/signed_object.ts";
import { sealStatement } from "../../mesh/statements.ts";
import { makeServerCertificate } from "../../tls/make_certificate.ts";
import { startHubApi } from "./start_hub_api.ts";

const keyOf = (index: number) => index === 0 ? hubKey.publicKey : null;
const beat = {
  epoch: 1,
  sequence: 0,
  state_sha256: "0".repeat(64),
  status: "ok",
  uptime_s: 7,
  version: "0.1.0",
  binary_sha256: "1".repeat(64),
  peers: [],
};

function registration(tokenId = "good") {
  const key = signingKeyOf(newSeed());
  const { wireguard_key, kem_key, issued_at } = exampleMembers["ek.node"];
  const statement = sealStatement(hub, { wireguard_key, kem_key, issued_at, generation: 1 }, key);
  const nonce = newNonce();
  const text = sealObject("ek.register", hub, {
    ...exampleMembers["ek.register"],
    token_id: tokenId,
    statement,
    nonce,
  }, key);
  return { text, nonce, key, statement, nodeId: JSON.parse(statement).node_id };
}

Deno.test("a node registers with an object that proves itself, and gets a signed envelope", async () => {
  await using world = await HubApiWorld.start();
  const { text, nonce, nodeId } = registration();
  const answer = await world.client.ask("POST", "/v1/register", { body: text });
  assert.equal(answer.status, 200);
  const envelope = openRegistration(answer.text, {
    hub,
    audience: nodeId,
    keySha256: sha256Hex(hubKey.publicKey),
    keyIndex: 0,
    replyTo: nonce,
  });
  assert.equal(envelope.event.payload.mesh_ip, "10.100.0.2");
  assert.deepEqual(world.core.calls, ["register 127.0.0.1"]);
  const refused = await world.client.ask("POST", "/v1/register", { body: registration("other").text });
  assert.deepEqual([refused.status, refused.code], [403, "token_unknown"]);
  for (const body of ["", "{}", text.slice(0, -1), `${text} `, new Uint8Array([0xff, 0xfe])]) {
    const { status, code } = await world.client.ask("POST", "/v1/register", { body });
    assert.deepEqual([status, code], [400, "E_FORM"]);
  }
});

Deno.test("a source may register ten times a minute, others meanwhile", async () => {
  await using world = await HubApiWorld.start();
  const codes: (string | null)[] = [];
  for (let count = 0; count < 12; count++) {
    codes.push((await world.client.ask("POST", "/v1/register", { body: registration().text })).code);
  }
  assert.deepEqual(codes, [...Array(10).fill(null), "throttled", "throttled"]);
  const refused = await world.client.ask("POST", "/v1/register", { body: "{}" });
  assert.equal(refused.status, 429);
  assert.match(refused.headers["retry-after"] ?? "", /^[1-9]\d*$/);
  const other = await world.client.ask("POST", "/v1/register", {
    body: registration().text,
    localAddress: "127.0.0.2",
  });
  assert.equal(other.status, 200);
});

Deno.test("hub time is told to whoever asks, signed for the nonce", async () => {
  await using world = await HubApiWorld.start();
  const nonce = newNonce();
  const { status, text } = await world.client.ask("GET", apiPaths.time(nonce));
  assert.equal(status, 200);
  const envelope = openEnvelope(text, { hub, audience: noNode, keyOf, replyTo: nonce });
  assert.equal(envelope.event.type, "time");
  for (const path of ["/v1/time", "/v1/time?nonce=", "/v1/time?nonce=abc", `${apiPaths.time(nonce)}&x=1`]) {
    assert.deepEqual((await world.client.ask("GET", path)).code, "nonce_malformed");
  }
  await using few = await HubApiWorld.start({ limits: { openPerMinute: 5 } });
  const statuses = [];
  for (let count = 0; count < 6; count++) statuses.push((await few.client.ask("GET", apiPaths.time(nonce))).status);
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429]);
});

Deno.test("keys, statements, ping and the API's own description are answered", async () => {
  await using world = await HubApiWorld.start();
  const link = sealObject("ek.keylink", hub, exampleMembers["ek.keylink"], hubKey);
  const recovery = sealObject("ek.recover", hub, exampleMembers["ek.recover"], hubKey);
  world.core.keyTexts = [link, recovery];
  const node = world.core.addNode();
  const { statement } = registration();
  world.core.statements.set(sha256Hex(statement), statement);

  const keys = await world.client.ask("GET", "/v1/hub/keys");
  assert.deepEqual(JSON.parse(keys.text), { links: [link], recoveries: [recovery] });
  const found = await world.client.ask("GET", apiPaths.statement(sha256Hex(statement)), { as: node });
  assert.deepEqual([found.status, found.text], [200, statement]);
  const missing = await world.client.ask("GET", apiPaths.statement(sha256Hex("x")), { as: node });
  assert.deepEqual([missing.status, missing.code], [404, "statement_unknown"]);
  const ping = await world.client.ask("GET", "/v1/ping");
  assert.deepEqual([ping.status, ping.text], [204, ""]);

  const document = JSON.parse((await world.client.ask("GET", "/v1/openapi.json")).text);
  assert.equal(document.openapi, "3.1.0");
  const addresses = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`)
  );
  assert.deepEqual(addresses.toSorted(), [
    "GET /v1/hub/keys",
    "GET /v1/nodes/{id}/events",
    "GET /v1/nodes/{id}/state",
    "GET /v1/ping",
    "GET /v1/statements/{sha256}",
    "GET /v1/time",
    "POST /v1/keys/rotate",
    "POST /v1/keys/rotate/commit",
    "POST /v1/nodes/{id}/deregister",
    "POST /v1/nodes/{id}/heartbeat",
    "POST /v1/nodes/{id}/key-ready",
    "POST /v1/nodes/{to}/mail",
    "POST /v1/register",
    "PUT /v1/nodes/{id}/endpoints",
  ]);
  const { schema } = document.paths["/v1/nodes/{id}/heartbeat"].post.requestBody.content["application/json"];
  assert.ok(schema.required.includes("uptime_s") && schema.properties.peers.type === "array", JSON.stringify(schema));
});

Deno.test("each signed request reaches the core, and is answered without a word", async () => {
  await using world = await HubApiWorld.start();
  const [node, peer] = [world.core.addNode(), world.core.addNode()];
  const { nodeId } = node;
  const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const gzip = headers["content-encoding"] === "gzip";
    const { status, text: answer } = await world.client.ask(method, path, {
      as: node,
      headers,
      ...(text === undefined ? {} : { body: gzip ? gzipSync(text) : text }),
    });
    assert.deepEqual([path, status, answer], [path, 204, ""]);
  };
  await send("POST", apiPaths.heartbeat(nodeId), beat);
  await send("POST", apiPaths.heartbeat(nodeId), beat, { "content-encoding": "gzip" });
  const address = "192.168.1.2:51820";
  await send("PUT", apiPaths.endpoints(nodeId), { endpoints: [{ kind: "lan", address }] });
  await send("POST", apiPaths.rotate, { statement: "{}" });
  await send("POST", apiPaths.rotateCommit, { statement_sha256: "2".repeat(64) });
  await send("POST", apiPaths.keyReady(nodeId), { peer_id: peer.nodeId, statement_sha256: "3".repeat(64) });
  await send("POST", apiPaths.mail(peer.nodeId), { message: '{"from":"me"}' });
  await send("POST", apiPaths.deregister(nodeId));
  assert.deepEqual(world.core.calls, [
    `heartbeat ${nodeId} 127.0.0.1`,
    `heartbeat ${nodeId} 127.0.0.1`,
    `endpoints ${nodeId} 192.168.1.2:51820`,
    `rotate ${nodeId} {}`,
    `commit ${nodeId} ${"2".repeat(64)}`,
    `ready ${nodeId} ${peer.nodeId} ${"3".repeat(64)}`,
    `mail ${nodeId} ${peer.nodeId} {"from":"me"}`,
    `deregister ${nodeId}`,
  ]);
  assert.equal(world.core.beats[1]?.uptime_s, 7);
  // gone for good
  const after = await world.client.ask("POST", apiPaths.heartbeat(nodeId), { as: node, body: JSON.stringify(beat) });
  assert.deepEqual([after.status, after.code], [401, "node_removed"]);
});

Deno.test("a node's state comes as an envelope for the request that asked", async () => {
  await using world = await HubApiWorld.start();
  const node = world.core.addNode();
  const { status, text, nonce } = await world.client.ask("GET", apiPaths.state(node.nodeId), { as: node });
  assert.equal(status, 200);
  const envelope = openEnvelope(text, { hub, audience: node.nodeId, keyOf, replyTo: nonce });
  assert.equal(envelope.event.type, "node_state");
});

Deno.test("every request whose signature is not what it should be is refused with its own code, and on record", async () => {
  await using world = await HubApiWorld.start();
  const [node, peer, gone] = [world.core.addNode(), world.core.addNode(), world.core.addNode()];
  world.core.remove(gone.nodeId);
  const path = apiPaths.heartbeat(node.nodeId);
  const body = JSON.stringify(beat);
  const nowUs = Date.now() * 1000;
  const ask = async (options: Parameters<typeof world.client.ask>[2], at = path, method = "POST") => {
    const { status, code } = await world.client.ask(method, at, { as: node, body, ...options });
    assert.equal(status, 401, code ?? "");
    return code;
  };
  const { header = "" } = await world.client.authorization("POST", path, { as: node, body });
  const [, head = "", payload = "", signature = ""] = /^EdgekeepSig (.*)\.(.*)\.(.*)$/.exec(header) ?? [];
  const encode = (text: string) => toBase64Url(new TextEncoder().encode(text));
  const stranger = { nodeId: node.nodeId, key: otherKey };
  const unknown = { nodeId: `n_${"7".repeat(32)}` as typeof node.nodeId, key: otherKey };
  const cases: readonly (readonly [string, Promise<string | null>])[] = [
    ["not_signed", ask({ as: null })],
    ["authorization_malformed", ask({ authorization: "Bearer abc" })],
    ["authorization_malformed", ask({ authorization: "EdgekeepSig " })],
    ["authorization_malformed", ask({ authorization: `EdgekeepSig ${"a".repeat(3000)}` })],
    ["authorization_malformed", ask({ authorization: `EdgekeepSig ${head}.${payload}` })],
    ["authorization_malformed", ask({ authorization: `EdgekeepSig ${head}.${payload}.` })],
    ["authorization_malformed", ask({ authorization: `EdgekeepSig ${encode('{"alg":"none"}')}.${payload}.` })],
    [
      "authorization_malformed",
      ask({
        authorization: `EdgekeepSig ${encode('{"alg":"HS256","typ":"ek-request+jwt"}')}.${payload}.${signature}`,
      }),
    ],
    [
      "authorization_malformed",
      ask({
        authorization: `EdgekeepSig ${
          encode('{"alg":"EdDSA","typ":"ek-request+jwt","jwk":{}}')
        }.${payload}.${signature}`,
      }),
    ],
    ["signature_refused", ask({ authorization: `EdgekeepSig ${head}.${payload}.${toBase64Url(new Uint8Array(64))}` })],
    ["signature_refused", ask({ as: stranger })],
    ["signature_refused", ask({ signed: { method: "PUT" } })],
    ["signature_refused", ask({ signed: { path: `${path}?` } })],
    ["signature_refused", ask({ signed: { body: new TextEncoder().encode(`${body} `) } })],
    ["other_node", ask({ as: peer })],
    ["other_node", ask({}, apiPaths.heartbeat(peer.nodeId))],
    ["other_hub", ask({ signed: { hub: `h_${"0".repeat(32)}` as HubId } })],
    ["clock_off", ask({ signed: { nowUs: nowUs - 300_000_000 } })],
    ["clock_off", ask({ signed: { nowUs: nowUs + 300_000_000 } })],
    ["node_unknown", ask({ as: unknown }, apiPaths.heartbeat(unknown.nodeId))],
    ["node_removed", ask({ as: gone }, apiPaths.heartbeat(gone.nodeId))],
    ["not_signed", ask({ as: null, body: "" }, apiPaths.state(node.nodeId), "GET")],
    ["not_signed", ask({ as: null, body: "" }, `/v1/nodes/${node.nodeId}/events`, "GET")],
    ["not_signed", ask({ as: null, body: "" }, apiPaths.statement(sha256Hex("x")), "GET")],
  ];
  for (const [code, answer] of cases) assert.equal(await answer, code);

  // the same bytes a second time
  const once = await world.client.ask("POST", path, { body, authorization: header });
  const twice = await world.client.ask("POST", path, { body, authorization: header });
  assert.deepEqual([once.status, twice.status, twice.code], [204, 401, "request_replayed"]);
  assert.equal(world.core.beats.length, 1);
  assert.equal(world.api.refusedRequests(), cases.length + 1);
  assert.equal(world.api.refusedByCode().get("clock_off"), 2);
  const records = world.audit.of("hub_request_refused");
  assert.equal(records.length, cases.length + 1);
  assert.ok(records.every(({ decision, address }) => decision === "denied" && address === "127.0.0.1"));
  assert.deepEqual(records.at(-1)?.principal, node.nodeId);
});

Deno.test("a node whose clock is off is told hub time, and one that asks with it is heard", async () => {
  await using world = await HubApiWorld.start();
  world.clock.offsetUs = 86_400_000_000;
  const node = world.core.addNode();
  const ask = (nowUs: number) => world.client.ask("GET", apiPaths.state(node.nodeId), { as: node, signed: { nowUs } });
  const refused = await ask(Date.now() * 1000);
  assert.equal(refused.code, "clock_off");
  const hubTime = JSON.parse(refused.text).hub_time;
  assert.ok(Math.abs(Date.parse(hubTime) - Date.now() - 86_400_000) < 30_000, hubTime);
  assert.ok(JSON.parse(refused.text).detail.includes(hubTime));
  assert.equal((await ask(Date.parse(hubTime) * 1000)).status, 200);
});

Deno.test("addresses and methods that are none are refused, and so are parameters nobody asked for", async () => {
  await using world = await HubApiWorld.start();
  const node = world.core.addNode();
  const ask = async (method: string, path: string) => {
    const { status, code, headers } = await world.client.ask(method, path, { as: node });
    return [status, code, headers.allow];
  };
  assert.deepEqual(await ask("GET", "/"), [404, "no_such_address", undefined]);
  assert.deepEqual(await ask("GET", "/v1/nodes/n_7/state"), [404, "no_such_address", undefined]);
  assert.deepEqual(await ask("GET", `/v1/nodes/${node.nodeId.toUpperCase()}/state`), [
    404,
    "no_such_address",
    undefined,
  ]);
  assert.deepEqual(await ask("GET", `${apiPaths.state(node.nodeId)}/`), [404, "no_such_address", undefined]);
  assert.deepEqual(await ask("GET", `${apiPaths.state(node.nodeId)}?x=1`), [404, "no_such_address", undefined]);
  assert.deepEqual(await ask("GET", "/v1/%70ing"), [404, "no_such_address", undefined]);
  assert.deepEqual(await ask("POST", "/v1/ping"), [405, "no_such_method", "GET"]);
  assert.deepEqual(await ask("DELETE", apiPaths.state(node.nodeId)), [405, "no_such_method", "GET"]);
  assert.deepEqual(await ask("POST", apiPaths.mail(`n_${"7".repeat(32)}` as typeof node.nodeId)), [
    400,
    "E_FORM",
    undefined,
  ]);
});

Deno.test("bodies that are too large, would become too large, or are damaged are refused", async () => {
  await using world = await HubApiWorld.start({ limits: { registersPerMinute: 100 } });
  const node = world.core.addNode();
  const path = apiPaths.heartbeat(node.nodeId);
  const ask = async (body: Uint8Array | string, headers: Record<string, string> = {}, at = path) => {
    const { status, code } = await world.client.ask("POST", at, { as: node, body, headers });
    return [status, code];
  };
  const gzip = { "content-encoding": "gzip" };
  assert.deepEqual(await ask("x".repeat(64 * 1024 + 1), {}, "/v1/register"), [413, "too_large"]);
  assert.deepEqual(await ask("x".repeat(256 * 1024 + 1)), [413, "too_large"]);
  const before = Deno.memoryUsage().rss;
  const bomb = gzipSync(new Uint8Array(100_000_000));
  for (let count = 0; count < 10; count++) {
    assert.deepEqual(await ask(bomb, gzip), [413, "too_large"]);
    assert.deepEqual(await ask(bomb.subarray(0, 60_000), gzip, "/v1/register"), [413, "too_large"]);
  }
  assert.ok(Deno.memoryUsage().rss - before < 150_000_000);
  assert.deepEqual(await ask(gzipSync(JSON.stringify(beat)).subarray(0, 40), gzip), [400, "body_damaged"]);
  assert.deepEqual(await ask(JSON.stringify(beat), gzip), [400, "body_damaged"]);
  assert.deepEqual(await ask(JSON.stringify(beat), { "content-encoding": "br" }), [415, "encoding_unknown"]);
  assert.deepEqual(await ask(JSON.stringify({ ...beat, uptime_s: -1 })), [400, "E_FORM"]);
  assert.deepEqual(await ask("[".repeat(10_000)), [400, "E_FORM"]);
  assert.deepEqual(await ask("", {}, apiPaths.deregister(node.nodeId)), [204, null]);
});

Deno.test("a node that asks too often is told to wait, its neighbour is not", async () => {
  await using world = await HubApiWorld.start({ limits: { nodePerMinute: 6, nodeBurst: 20, statesPerMinute: 3 } });
  const [node, peer] = [world.core.addNode(), world.core.addNode()];
  const body = JSON.stringify({ endpoints: [] });
  const statuses: number[] = [];
  for (let count = 0; count < 30; count++) {
    statuses.push((await world.client.ask("PUT", apiPaths.endpoints(node.nodeId), { as: node, body })).status);
  }
  assert.ok(statuses.slice(0, 20).every((status) => status === 204) && statuses.includes(429), statuses.join(" "));
  assert.equal((await world.client.ask("PUT", apiPaths.endpoints(peer.nodeId), { as: peer, body })).status, 204);
  const states: number[] = [];
  for (let count = 0; count < 4; count++) {
    states.push((await world.client.ask("GET", apiPaths.state(peer.nodeId), { as: peer })).status);
  }
  assert.deepEqual(states, [200, 200, 200, 429]);
});

Deno.test("what costs the hub most is what a node may ask for least often", async () => {
  await using world = await HubApiWorld.start({ limits: { heartbeatsPerMinute: 2, streamsPerMinute: 2 } });
  const node = world.core.addNode();
  const paths = [["POST", apiPaths.heartbeat(node.nodeId), JSON.stringify(beat)], [
    "GET",
    apiPaths.events(node.nodeId),
  ]];
  for (const [method = "", path = "", body] of paths) {
    if (method === "GET") {
      for (let count = 0; count < 2; count++) (await world.client.stream(node)).close();
    } else {
      for (let count = 0; count < 2; count++) await world.client.ask(method, path, { as: node, body });
    }
    const { status, code } = await world.client.ask(method, path, { as: node, body });
    assert.deepEqual([status, code], [429, "throttled"], path);
  }
  assert.equal(world.core.beats.length, 2);
});

/** A connection with TLS whose bytes the test chooses. */
async function raw(port: number, options = {}): Promise<TLSSocket & { heard: string }> {
  const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options }) as TLSSocket & {
    heard: string;
  };
  socket.heard = "";
  socket.setEncoding("latin1");
  socket.on("data", (part: string) => socket.heard += part);
  socket.on("error", () => {});
  await new Promise((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("close", () => reject(new Error("The handshake failed")));
  });
  return socket;
}

Deno.test("TLS below 1.3 is not spoken, and plain HTTP is cut off", async () => {
  await using world = await HubApiWorld.start();
  const socket = await raw(world.api.port);
  assert.equal(socket.getProtocol(), "TLSv1.3");
  socket.destroy();
  await assert.rejects(raw(world.api.port, { maxVersion: "TLSv1.2" }));
  using plain = await Deno.connect({ hostname: "127.0.0.1", port: world.api.port });
  await plain.write(new TextEncoder().encode("GET /v1/ping HTTP/1.1\r\nHost: x\r\n\r\n"));
  assert.equal(await plain.read(new Uint8Array(100)), null);
  assert.equal(world.api.refusedByCode().get("not_tls"), 1);
});

Deno.test("HTTP/1.0, headers without end, garbage and cut requests are refused alone", async () => {
  await using world = await HubApiWorld.start();
  await using hasty = await HubApiWorld.start({ timings: { headersTimeoutMs: 400, requestTimeoutMs: 600 } });
  const say = async (text: string, { api } = world) => {
    const socket = await raw(api.port);
    socket.write(text, "latin1");
    await waitFor("the connection to end", () => socket.closed || socket.destroyed);
    return socket.heard.split("\r\n")[0];
  };
  assert.equal(await say("GET /v1/ping HTTP/1.0\r\n\r\n"), "HTTP/1.1 505 HTTP Version Not Supported");
  const flood = Array.from({ length: 3_000 }, (_, index) => `x-${index}: ${"y".repeat(20)}\r\n`).join("");
  assert.match(await say(`GET /v1/ping HTTP/1.1\r\nHost: x\r\n${flood}\r\n`) ?? "", /^HTTP\/1.1 4\d\d/);
  assert.match(await say(`GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`) ?? "", /^HTTP\/1.1 4\d\d|^$/);
  assert.match(await say("\x00\x01\x02 nonsense\r\n\r\n") ?? "", /^HTTP\/1.1 400/);
  assert.match(await say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") ?? "", /^HTTP\/1.1 400|^$/);
  assert.match(await say("GET /v1/ping HTTP/1.1\r\n", hasty) ?? "", /^HTTP\/1.1 408|^$/);
  // a body that never comes
  const slow = await say("POST /v1/register HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc", hasty);
  assert.match(slow ?? "", /^HTTP\/1.1 408|^$/);
  for (const { api, client } of [world, hasty]) {
    await waitFor("the places to be free", () => api.connections() === 0);
    assert.equal((await client.ask("GET", "/v1/ping")).status, 204);
  }
});

Deno.test("bodies that come slowly share one bound, and the oldest makes room", async () => {
  await using world = await HubApiWorld.start({ limits: { bodyBytes: 200_000 } });
  const open = async () => {
    const socket = await raw(world.api.port);
    socket.write("POST /v1/register HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n");
    await new Promise<void>((resolve) => void socket.write("a".repeat(50_000), () => resolve()));
    return socket;
  };
  const first = await open();
  // what is answered later was read later
  for (let times = 0; times < 3; times++) assert.equal((await world.client.ask("GET", "/v1/ping")).status, 204);
  const others = await Promise.all([open(), open(), open(), open()]);
  await waitFor("the first to be cut", () => first.destroyed || first.closed);
  const node = world.core.addNode();
  const body = JSON.stringify(beat);
  const { status } = await world.client.ask("POST", apiPaths.heartbeat(node.nodeId), { as: node, body });
  assert.equal(status, 204);
  for (const socket of others) socket.destroy();
});

Deno.test("a new certificate counts from the next connection on, and drops nothing that is open", async () => {
  await using world = await HubApiWorld.start();
  const node = world.core.addNode();
  using stream = await world.client.stream(node);
  await stream.until(2);
  const other = await makeServerCertificate({ names: ["localhost"] });
  world.api.setTls(other);
  assert.throws(() => world.api.setTls({ cert: other.cert, key: "nonsense" }));
  assert.throws(() => world.api.setTls({ cert: "nonsense", key: other.key }));
  const shown = async () => {
    const socket = await raw(world.api.port);
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  assert.equal(await shown(), new X509Certificate(other.cert).fingerprint256);
  world.core.emit(node.nodeId, "rotate_keys", {});
  await stream.until(3);
  assert.equal(stream.ended, false);
});

Deno.test("connections have a cap for each address, streams keep theirs, and people are told", async () => {
  await using world = await HubApiWorld.start({ limits: { perAddress: 3 } });
  const streams = await Promise.all([1, 2, 3].map(() => world.client.stream(world.core.addNode())));
  await Promise.all(streams.map((stream) => stream.until(2)));
  await assert.rejects(world.client.ask("GET", "/v1/ping"));
  assert.equal((await world.client.ask("GET", "/v1/ping", { localAddress: "127.0.0.2" })).status, 204);
  assert.deepEqual(world.faults.list().map(({ code }) => code), ["hub_connections_full"]);
  assert.ok(streams.every(({ ended }) => !ended));
  for (const stream of streams) stream.close();
});

Deno.test("who connects over and over is cut before a handshake, at that address alone", async () => {
  await using world = await HubApiWorld.start({ limits: { newPerMinute: 1, newAtOnce: 5 } });
  const handshakes = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const socket = await raw(world.api.port, { localAddress: "127.0.0.3" }).catch(() => null);
      socket?.destroy();
      return socket !== null;
    }),
  );
  assert.equal(handshakes.filter((done) => done).length, 5);
  assert.equal(world.api.refusedByCode().get("connections_hurried"), 25);
  assert.equal((await world.client.ask("GET", "/v1/ping")).status, 204);
  assert.deepEqual(world.faults.list(), []);
});

Deno.test("a failure inside tells nothing of itself", async () => {
  await using world = await HubApiWorld.start();
  const node = world.core.addNode();
  world.core.trouble = new Error("SQLITE_IOERR at /var/lib/secret");
  const { status, code, text } = await world.client.ask("GET", apiPaths.state(node.nodeId), { as: node });
  assert.deepEqual([status, code, /SQLITE|secret/.test(text)], [500, "internal_error", false]);
});

Deno.test("a port that is taken rejects, and stopping twice is stopping once", async () => {
  await using world = await HubApiWorld.start();
  const { core, audit, faults } = world;
  const tls = await hubCertificate();
  await assert.rejects(
    startHubApi({ listen: `127.0.0.1:${world.api.port}`, core, tls, faults, audit, nowUs: () => 0 }),
    /EADDRINUSE|in use/,
  );
  await Promise.all([world.api.stop(), world.api.stop()]);
  await assert.rejects(world.client.ask("GET", "/v1/ping"));
});

Deno.test("a reply names the nonce of its own request, never one that was guessed", async () => {
  await using world = await HubApiWorld.start();
  const node = world.core.addNode();
  const one = await world.client.ask("GET", apiPaths.state(node.nodeId), { as: node });
  assert.equal(JSON.parse(one.text).reply_to, one.nonce);
  assert.notEqual(one.nonce, nonceOf(0));
});
