import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pinnedPair, TlsAnswerer } from "../../../tests/lib/tls_answerer.ts";
import { ScriptedHub } from "../../../tests/lib/follow_world.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { readRequestClaims, verifyRequest } from "../../mesh/request_signature.ts";
import { sha256Hex, toBase64, toBase64Url } from "../../mesh/encoding.ts";
import { nodeIdOf, noNode } from "../../mesh/ids.ts";
import { signingKeyOf } from "../../mesh/keys.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import { HubClient } from "./hub_client.ts";
import { HubClock } from "./hub_clock.ts";
import { HubRequestError } from "./hub_requests.ts";

const [pair, next] = [await pinnedPair(), await pinnedPair()];
const identity = signingKeyOf(new Uint8Array(32).fill(2));
const nodeId = nodeIdOf(identity.publicKey);
const refusedAs = (code: string) => (error: unknown) => error instanceof HubRequestError && error.code === code;

/** Answers `/v1/time` as a hub does, and everything else by the test's function. */
function timeOr(hub: ScriptedHub, other: (request: IncomingMessage, response: ServerResponse) => void) {
  return (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? "/", "https://hub");
    if (url.pathname !== "/v1/time") return other(request, response);
    const replyTo = url.searchParams.get("nonce") ?? "";
    response.end(hub.seal("time", {}, { audience: noNode, replyTo }));
  };
}

function clientOf(hub: ScriptedHub, url: string, pins: readonly string[] = [pair.pin], silentMs = 30_000) {
  const clock = new HubClock();
  const client = new HubClient({
    url,
    hub: hub.id,
    nodeId,
    identity,
    pins: () => pins,
    keyOf: (index) => index === 0 ? hub.first.publicKey : null,
    clock,
    silentMs,
  });
  return { client, clock };
}

const beat = {
  epoch: 1,
  sequence: 0,
  status: "ok" as const,
  uptime_s: 1,
  version: "0.1.0",
  binary_sha256: "a".repeat(64),
  peers: [],
};

Deno.test("requests are signed in hub time, whatever this machine's clock shows, over one connection", async () => {
  const hub = new ScriptedHub();
  hub.aheadUs = -86_400_000_000;
  const claims: { iat: number; path: string }[] = [];
  await using server = await TlsAnswerer.start(
    pair,
    timeOr(hub, async (request, response) => {
      const parts: Uint8Array[] = [];
      for await (const part of request) parts.push(part as Uint8Array);
      const header = request.headers.authorization ?? "";
      await verifyRequest({
        header,
        publicKey: identity.publicKey,
        nodeId,
        hub: hub.id,
        method: request.method ?? "",
        path: request.url ?? "",
        body: Buffer.concat(parts),
        nowUs: (Date.now() - 86_400_000) * 1000,
      });
      claims.push({ iat: readRequestClaims(header).iat, path: request.url ?? "" });
      response.writeHead(204).end();
    }),
  );
  const { client } = clientOf(hub, server.url);
  await client.heartbeat(beat);
  await client.mail(noNode, "{}");
  assert.deepEqual(claims.map(({ path }) => path), [`/v1/nodes/${nodeId}/heartbeat`, `/v1/nodes/${noNode}/mail`]);
  assert.equal(server.connections, 1);
  client.stop();
});

Deno.test("a refusal for the time in it is tried once more with the hub's", async () => {
  const hub = new ScriptedHub();
  let refused = 0;
  await using server = await TlsAnswerer.start(
    pair,
    timeOr(hub, (_, response) => {
      if (refused++ > 0) return void response.writeHead(204).end();
      response.writeHead(401, { "content-type": "application/problem+json" });
      response.end(JSON.stringify({ status: 401, code: "clock_off", title: "Unauthorized" }));
    }),
  );
  const { client, clock } = clientOf(hub, server.url);
  clock.set(0);
  await client.heartbeat(beat);
  assert.ok((clock.nowUs() ?? 0) > 1_700_000_000_000_000);
  client.stop();
});

Deno.test("refusals carry status, code and pause, and nothing that a terminal would obey", async () => {
  const hub = new ScriptedHub();
  let detail = "Ask later";
  await using server = await TlsAnswerer.start(
    pair,
    timeOr(hub, (_, response) => {
      response.writeHead(429, { "retry-after": "7" });
      response.end(JSON.stringify({ status: 429, code: "too_many", title: "Too many", detail }));
    }),
  );
  const { client } = clientOf(hub, server.url);
  await assert.rejects(client.heartbeat(beat), (error) => {
    assert.ok(error instanceof HubRequestError);
    assert.deepEqual([error.status, error.problem, error.retryAfterMs, error.transient], [429, "too_many", 7000, true]);
    assert.match(error.message, /Ask later/);
    return true;
  });
  detail = "\u001b[31mred";
  await assert.rejects(client.heartbeat(beat), (error) => {
    assert.ok(error instanceof HubRequestError);
    assert.deepEqual([error.status, error.message.includes("\u001b")], [429, false]);
    return true;
  });
  client.stop();
});

Deno.test("a time that answers another question, or of another key, does not set the clock", async () => {
  const hub = new ScriptedHub();
  let key = hub.first;
  await using server = await TlsAnswerer.start(pair, (_, response) => {
    response.end(hub.seal("time", {}, { audience: noNode, replyTo: toBase64(new Uint8Array(16)), key }));
  });
  const { client, clock } = clientOf(hub, server.url);
  await assert.rejects(client.time(), (error) => error instanceof MeshError && error.code === "E_REPLY");
  key = identity;
  await assert.rejects(client.time(), (error) => error instanceof MeshError && error.code === "E_SIGNATURE");
  assert.equal(clock.nowUs(), null);
  client.stop();
});

Deno.test("a hub whose time cannot be verified is asked for its keys with that time, and for nothing else", async () => {
  const hub = new ScriptedHub();
  const key = signingKeyOf(new Uint8Array(32).fill(9));
  // the next key, and another one with the number of the known key, as after a thief linked one of his own
  for (hub.keyIndex of [1, 0]) {
    const asked: string[] = [];
    await using server = await TlsAnswerer.start(pair, (request, response) => {
      const url = new URL(request.url ?? "/", "https://hub");
      if (url.pathname === "/v1/time") {
        const replyTo = url.searchParams.get("nonce") ?? "";
        return response.end(hub.seal("time", {}, { audience: noNode, replyTo, key }));
      }
      asked.push(url.pathname);
      response.end(JSON.stringify({ links: [], recoveries: [] }));
    });
    const { client, clock } = clientOf(hub, server.url);
    await client.hubKeys();
    await assert.rejects(client.heartbeat(beat), MeshError);
    assert.deepEqual([asked, clock.nowUs()], [["/v1/hub/keys"], null]);
    client.stop();
  }
});

Deno.test("an answer that is too long, or that never ends, is given up", async () => {
  const hub = new ScriptedHub();
  await using server = await TlsAnswerer.start(
    pair,
    timeOr(hub, (request, response) => {
      const part = "x".repeat(65_536);
      const send = () => {
        while (response.writable && response.write(part));
        response.once("drain", send);
      };
      request.on("close", () => response.destroy());
      send();
    }),
  );
  const { client } = clientOf(hub, server.url);
  await assert.rejects(client.statement("a".repeat(64)), refusedAs("bad_answer"));
  client.stop();
});

Deno.test("a statement that is not the one that was asked for is refused", async () => {
  const hub = new ScriptedHub();
  await using server = await TlsAnswerer.start(pair, timeOr(hub, (_, response) => void response.end("{}")));
  const { client } = clientOf(hub, server.url);
  assert.equal(await client.statement(sha256Hex("{}")), "{}");
  await assert.rejects(client.statement("a".repeat(64)), refusedAs("bad_answer"));
  client.stop();
});

Deno.test("a hub that hangs up within its answer, and one that is gone, are unreachable", async () => {
  const hub = new ScriptedHub();
  const { client } = await (async () => {
    await using server = await TlsAnswerer.start(
      pair,
      timeOr(hub, (_, response) => {
        response.writeHead(200, { "content-length": "100" });
        response.write("half");
        setTimeout(() => response.destroy(), 10);
      }),
    );
    const made = clientOf(hub, server.url);
    await assert.rejects(made.client.heartbeat(beat), refusedAs("unreachable"));
    return made;
  })();
  await assert.rejects(client.heartbeat(beat), refusedAs("unreachable"));
  client.stop();
});

Deno.test("pins that change count from the next connection on", async () => {
  const hub = new ScriptedHub();
  const pins = [pair.pin];
  await using before = await TlsAnswerer.start(pair, timeOr(hub, (_, response) => void response.writeHead(204).end()));
  const { client } = clientOf(hub, before.url, pins);
  await client.heartbeat(beat);
  pins[0] = next.pin;
  await client.heartbeat(beat);
  assert.equal(before.connections, 1, "what was checked stays open");
  client.pinsChanged();
  const { requests } = before;
  await assert.rejects(client.heartbeat(beat), refusedAs("wrong_pin"));
  assert.equal(before.requests, requests);
  client.stop();
});

/** A server whose streams a test writes itself. */
function streams(hub: ScriptedHub, opened: (response: ServerResponse, request: IncomingMessage) => void) {
  return timeOr(hub, (request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    opened(response, request);
  });
}

Deno.test("a stream hands over texts as they come, and names what it goes on after", async () => {
  const hub = new ScriptedHub();
  const asked: (string | undefined)[] = [];
  await using server = await TlsAnswerer.start(
    pair,
    streams(hub, (response, request) => {
      asked.push(
        request.headers["last-event-id"] as string,
        readRequestClaims(request.headers.authorization ?? "").jti,
      );
      response.write(": hello\n\nid: 1-8\ndata: one\n\ndata: tw");
      setTimeout(() => response.write("o\n\n"), 20);
    }),
  );
  const { client } = clientOf(hub, server.url);
  const stream = await client.events({ epoch: 1, sequence: 7 }, new AbortController().signal);
  const texts = stream.texts[Symbol.asyncIterator]();
  assert.deepEqual([(await texts.next()).value, (await texts.next()).value], ["one", "two"]);
  assert.deepEqual(asked, ["1-7", toBase64Url(Buffer.from(stream.nonce, "base64"))]);
  stream.close();
  await assert.rejects(async () => await texts.next(), HubRequestError);
  client.stop();
});

for (
  const [what, write, code] of [
    ["that the hub ends", (response: ServerResponse) => void response.end(), "unreachable"],
    ["that breaks", (response: ServerResponse) => void response.destroy(), "unreachable"],
    ["that says nothing", () => {}, "timeout"],
    ["of garbage", (response: ServerResponse) => void response.write(Uint8Array.of(0xff, 0xfe, 0x0a)), "bad_answer"],
    ["of one endless line", (response: ServerResponse) => {
      const send = () => {
        while (response.writable && response.write("x".repeat(65_536)));
        response.once("drain", send);
      };
      send();
    }, "bad_answer"],
  ] as const
) {
  Deno.test(`a stream ${what} ends as ${code}`, async () => {
    const hub = new ScriptedHub();
    await using server = await TlsAnswerer.start(
      pair,
      streams(hub, (response) => {
        response.write(": hello\n\n");
        write(response);
      }),
    );
    const { client } = clientOf(hub, server.url, [pair.pin], code === "timeout" ? 300 : 30_000);
    const attempt = async () => {
      const stream = await client.events({ epoch: 1, sequence: 0 }, new AbortController().signal);
      for await (const _ of stream.texts);
    };
    await assert.rejects(attempt(), refusedAs(code));
    client.stop();
  });
}

Deno.test("an abort ends a stream at once, and its connection", async () => {
  const hub = new ScriptedHub();
  let closed = false;
  await using server = await TlsAnswerer.start(
    pair,
    streams(hub, (response) => {
      response.write(": hello\n\n");
      response.on("close", () => closed = true);
    }),
  );
  const { client } = clientOf(hub, server.url);
  const ending = new AbortController();
  const stream = await client.events({ epoch: 1, sequence: 0 }, ending.signal);
  const reading = assert.rejects(async () => await stream.texts[Symbol.asyncIterator]().next(), HubRequestError);
  ending.abort();
  await reading;
  await waitFor("the server to see it", () => closed);
  client.stop();
});
