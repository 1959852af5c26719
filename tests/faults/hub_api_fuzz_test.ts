import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { connect, type TLSSocket } from "node:tls";
import fc from "fast-check";
import { apiRoutes } from "../../src/hub/api/api_routes.ts";
import { sha256, toBase64Url } from "../../src/mesh/encoding.ts";
import { HubApiWorld } from "../lib/hub_api_world.ts";
import type { TestNode } from "../lib/memory_hub_core.ts";
import { waitFor } from "../lib/wait_for.ts";

const encoder = new TextEncoder();
const base64Url = (text: string) => toBase64Url(encoder.encode(text));
/** Nobody who fuzzes is told to wait: every request is to get as far as it can. */
const noLimits = {
  registersPerMinute: 1e6,
  openPerMinute: 1e6,
  addressPerMinute: 1e6,
  nodePerMinute: 1e6,
  nodeBurst: 1e6,
  statesPerMinute: 1e6,
  streamsPerMinute: 1e6,
  heartbeatsPerMinute: 1e6,
};

async function open(port: number): Promise<TLSSocket & { heard: string }> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }) as TLSSocket & { heard: string };
  socket.heard = "";
  socket.setEncoding("latin1");
  socket.on("data", (part: string) => {
    if (socket.heard.length < 100_000) socket.heard += part;
  });
  socket.on("error", () => {});
  await new Promise((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("close", () => reject(new Error("The handshake failed")));
  });
  return socket;
}

/** Another agent, at another address, is served meanwhile. */
async function answersOthers(world: HubApiWorld, node: TestNode): Promise<void> {
  const asked = world.client.ask("GET", `/v1/nodes/${node.nodeId}/state`, {
    as: node,
    localAddress: "127.0.0.9",
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(resolve, 30_000, null));
  const answer = await Promise.race([asked, late]);
  clearTimeout(timer);
  assert.equal(answer?.status, 200);
}

function nothingFailedInside(world: HubApiWorld): void {
  assert.deepEqual([...world.api.refusedByCode()].filter(([code]) => code === "internal_error"), []);
}

const id = `n_${"5".repeat(32)}`;
const realPath = fc.constantFrom(...apiRoutes.map(({ path }) => path)).map((path) =>
  path.replace(/\{id\}|\{to\}/, id).replace("{sha256}", "ab".repeat(32))
);
const path = fc.oneof(
  realPath,
  fc.tuple(
    realPath,
    fc.constantFrom("?", "/", "?nonce=", "%00", "/..", ";x", "#", "?nonce=AAAAAAAAAAAAAAAAAAAAAA%3D%3D"),
  )
    .map(([start, end]) => start + end),
  fc.webPath(),
  fc.string({ maxLength: 40 }).map((text) => `/${text.replace(/[^\x21-\x7e]/g, "")}`),
);
const method = fc.constantFrom(
  "GET",
  "POST",
  "PUT",
  "DELETE",
  "PATCH",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "CONNECT",
  "PROPFIND",
  "x",
);
const headerValue = fc.oneof(
  fc.string({ maxLength: 60 }).map((text) => text.replace(/[\r\n\0]/g, "")),
  fc.constantFrom(
    "gzip",
    "gzip, gzip",
    "chunked",
    "1-1",
    "-1",
    "99999999999999999999",
    "EdgekeepSig a.b.c",
    "100-continue",
    "close",
  ),
);
const headerName = fc.constantFrom(
  "authorization",
  "content-length",
  "transfer-encoding",
  "content-encoding",
  "last-event-id",
  "expect",
  "connection",
  "upgrade",
  "host",
  "cookie",
  "x-forwarded-for",
);
const head = fc.tuple(method, path, fc.array(fc.tuple(headerName, headerValue), { maxLength: 6 })).map(
  ([verb, where, headers]) =>
    `${verb} ${where} HTTP/1.1\r\nHost: x\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`,
);
const bytes = fc.oneof(
  { weight: 3, arbitrary: head.map((text) => Uint8Array.from(text, (unit) => unit.charCodeAt(0) & 0xff)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 600 }) },
  {
    weight: 1,
    arbitrary: fc.tuple(head, fc.nat()).map(([text, at]) => encoder.encode(text.slice(0, at % text.length))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(head, fc.nat(), fc.nat(255)).map(([text, at, byte]) => {
      const all = encoder.encode(text);
      all[at % all.length] = byte;
      return all;
    }),
  },
);

Deno.test("whatever bytes come through TLS, the hub stays up, answers others, and keeps nothing", async () => {
  await using world = await HubApiWorld.start({
    limits: noLimits,
    timings: { headersTimeoutMs: 5_000, requestTimeoutMs: 5_000, keepAliveTimeoutMs: 300 },
  });
  const node = world.core.addNode();
  const before = Deno.memoryUsage().rss;
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(bytes, { minLength: 1, maxLength: 5 }),
      fc.constantFrom("end", "destroy", "wait"),
      async (messages, leave) => {
        const socket = await open(world.api.port);
        for (const message of messages) {
          if (socket.writable) socket.write(message);
        }
        if (leave === "end") socket.end();
        if (leave === "wait") await new Promise((resolve) => setTimeout(resolve, 5));
        if (leave !== "end") socket.destroy();
        // nothing of ours but what the API says
        assert.doesNotMatch(socket.heard, /at .*\.ts:|node_modules|SQLITE|HTTP\/1.1 500/);
        if (++runs % 25 === 0) await answersOthers(world, node);
        const cut = setTimeout(() => socket.destroy(), 200);
        socket.once("close", () => clearTimeout(cut));
      },
    ),
    { numRuns: 400 },
  );
  await waitFor("the places to be free", () => world.api.connections() === 0);
  assert.equal(world.api.streams(), 0);
  nothingFailedInside(world);
  const grown = Deno.memoryUsage().rss - before;
  assert.ok(grown < 200_000_000, `${grown} bytes more than before`);
});

const body = fc.oneof(
  fc.uint8Array({ maxLength: 500 }),
  fc.json({ maxDepth: 4 }).map((text) => encoder.encode(text)),
  fc.constantFrom(
    '{"__proto__":{"epoch":1}}',
    '{"message":"{}","message":1}',
    '{"statement":"{\\"typ\\":\\"ek.node\\"}"}',
    '{"endpoints":[{"kind":"lan","address":"999.1.1.1:1"}]}',
    '{"endpoints":[{"kind":"observed","address":"192.0.2.1:1"}]}',
    '{"message":"\\ud800\\ud800"}',
    "null",
    "1e999",
    "[".repeat(3_000),
  ).map((text) => encoder.encode(text)),
);

Deno.test("whatever a node signs, each request gets an answer with a stable code, or none at all", async () => {
  await using world = await HubApiWorld.start({ limits: noLimits });
  const [node, watcher] = [world.core.addNode(), world.core.addNode()];
  const own = apiRoutes.filter(({ path: at }) => !at.endsWith("deregister") && !at.endsWith("events"))
    .map(({ method: verb, path: at }) => ({
      verb,
      at: at.replace(/\{id\}|\{to\}/, node.nodeId).replace("{sha256}", "ab".repeat(32)),
    }));
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...own), body, fc.boolean(), async ({ verb, at }, content, zip) => {
      const sent = verb === "GET" ? new Uint8Array() : zip ? gzipSync(content) : content;
      const answer = await world.client.ask(verb, at, {
        as: node,
        ...(verb === "GET" ? {} : { body: sent }),
        headers: zip ? { "content-encoding": "gzip" } : {},
      });
      if (answer.status >= 300) {
        assert.match(answer.code ?? "", /^\w{1,64}$/);
        assert.ok(answer.status < 500, answer.text);
      } else if (answer.status === 204) assert.equal(answer.text, "");
      else assert.match(at, /state$|time|keys$|ping/);
      if (++runs % 50 === 0) await answersOthers(world, watcher);
    }),
    { numRuns: 300 },
  );
  nothingFailedInside(world);
  // what came through was well-formed
  assert.ok(world.core.calls.every((call) => /^(endpoints|rotate|mail) /.test(call)), world.core.calls.join("\n"));
});

const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(null, "", -1, 0, 1.5, 2 ** 53, "1", [], {}, "__proto__", "\ud800"),
);

Deno.test("claims of any shape, properly signed, are never taken for a request", async () => {
  await using world = await HubApiWorld.start({ limits: noLimits });
  const node = world.core.addNode();
  const at = `/v1/nodes/${node.nodeId}/heartbeat`;
  const good = () => {
    const iat = Math.floor(Date.now() / 1000);
    return {
      iss: node.nodeId,
      aud: world.core.hubId,
      htm: "POST",
      htu: at,
      bh: toBase64Url(sha256("{}")),
      iat,
      exp: iat + 60,
      jti: toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
    };
  };
  const change = fc.oneof(
    fc.tuple(fc.constantFrom("iss", "aud", "htm", "htu", "bh", "iat", "exp", "jti"), anything),
    fc.tuple(fc.constantFrom("nbf", "kid", "crit", "__proto__", "role"), anything),
  );
  await fc.assert(
    fc.asyncProperty(
      change,
      fc.option(fc.dictionary(fc.string({ maxLength: 5 }), anything)),
      async ([name, value], header) => {
        const claims = { ...good(), [name]: value };
        if (JSON.stringify(claims) === JSON.stringify(good())) return;
        const protectedPart = base64Url(
          header === null ? '{"alg":"EdDSA","typ":"ek-request+jwt"}' : JSON.stringify({ ...header, alg: "EdDSA" }),
        );
        const signed = `${protectedPart}.${base64Url(JSON.stringify(claims))}`;
        const signature = toBase64Url(node.key.sign(encoder.encode(signed)));
        const { status, code } = await world.client.ask("POST", at, {
          body: "{}",
          authorization: `EdgekeepSig ${signed}.${signature}`,
        });
        assert.equal(status, 401, `${code} ${name} ${JSON.stringify(value)}`);
      },
    ),
    { numRuns: 300 },
  );
  assert.deepEqual(world.core.calls, []);
  nothingFailedInside(world);
});

Deno.test("a crowd that does everything slowly or never keeps nobody else waiting", async () => {
  await using world = await HubApiWorld.start({
    limits: { ...noLimits, perAddress: 60, total: 200 },
    timings: { headersTimeoutMs: 5_000, requestTimeoutMs: 5_000 },
  });
  const node = world.core.addNode();
  using stream = await world.client.stream(world.core.addNode(), undefined, { localAddress: "127.0.0.8" });
  await stream.until(2);
  const words = [
    "",
    "GET /v1/pi",
    `POST /v1/register HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n${"a".repeat(30_000)}`,
    "POST /v1/register HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nabc",
    `GET /v1/ping HTTP/1.1\r\n${"x: y\r\n".repeat(50)}`,
    "GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(40),
  ];
  const crowd: TLSSocket[] = [];
  try {
    for (let count = 0; count < 300; count++) {
      const socket = connect({ host: "127.0.0.1", port: world.api.port, rejectUnauthorized: false });
      socket.on("error", () => {});
      socket.once("secureConnect", () => socket.write(words[count % words.length] ?? ""));
      crowd.push(socket);
      if (count % 30 === 29) await answersOthers(world, node);
      assert.ok(world.api.connections() <= 200);
    }
    assert.equal(stream.ended, false);
  } finally {
    for (const socket of crowd) socket.destroy();
  }
  await waitFor("the places to be free", () => world.api.connections() <= 2);
});
