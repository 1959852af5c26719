import assert from "node:assert/strict";
import { EventStreamReader } from "../lib/event_stream.ts";
import { waitFor } from "../lib/wait_for.ts";
import { webConfig, WebWorld } from "../lib/web_world.ts";
import { startWeb, type WebHandle, type WebOptions } from "../../src/web/start_web.ts";

async function withServer(
  run: (server: WebHandle, world: WebWorld) => Promise<void>,
  more: Partial<WebOptions> = {},
): Promise<void> {
  const world = new WebWorld();
  const server = await startWeb(world.options(more));
  try {
    await run(server, world);
  } finally {
    await server.stop();
  }
}

function portOf(server: WebHandle): number {
  return Number(new URL(server.url).port);
}

Deno.test("the server answers on a socket, and its metrics count answers and streams", async () => {
  await withServer(async (server, world) => {
    assert.deepEqual(await (await fetch(`${server.url}/healthz`)).json(), { status: "ok" });
    assert.equal((await (await fetch(`${server.url}/nothing`)).json()).code, "not_found");
    const stream = new EventStreamReader(await fetch(`${server.url}/api/v1/tags/stream`));
    await stream.until("tags");
    const text = await (await fetch(`${server.url}/metrics`)).text();
    assert.match(text, /^edgekeep_web_streams 1$/m);
    assert.match(text, /^edgekeep_web_answers_total\{status="404"\} 1$/m);
    await stream.close();
    await waitFor("the stream to be counted off", async () => (await world.metrics.metrics()).includes("streams 0\n"));
  });
});

Deno.test("a value reaches a browser through the socket", async () => {
  await withServer(async (server, world) => {
    const stream = new EventStreamReader(await fetch(`${server.url}/api/v1/tags/stream`));
    await stream.until("tags");
    world.set({ "a840410000000002/open": true });
    assert.equal((await stream.until("tags")).data[0].value, true);
    await stream.close();
  });
});

Deno.test("a taken port is refused with EADDRINUSE and leaves nothing behind", async () => {
  await withServer(async (server, world) => {
    const config = webConfig({ listen: `127.0.0.1:${portOf(server)}` });
    const other = new WebWorld();
    await assert.rejects(startWeb(other.options({ config })), { code: "EADDRINUSE" });
    assert.equal((await other.metrics.metrics()).trim(), "");
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
    assert(world.tags.size > 0);
  });
});

Deno.test("HTTPS without a certificate is refused", async () => {
  const world = new WebWorld();
  await assert.rejects(startWeb(world.options({ config: webConfig({ tls: true }) })), /needs a certificate/);
});

Deno.test("stopping ends open streams, also of a client that does not read, and can be asked twice", async () => {
  const world = new WebWorld();
  const server = await startWeb(world.options());
  const stream = new EventStreamReader(await fetch(`${server.url}/api/v1/tags/stream`));
  await stream.until("tags");
  using deaf = await Deno.connect({ hostname: "127.0.0.1", port: portOf(server) });
  await deaf.write(new TextEncoder().encode("GET /api/v1/tags/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  await waitFor("both streams", async () => (await world.metrics.metrics()).includes("streams 2\n"));
  await Promise.all([server.stop(), server.stop()]);
  assert.equal(await stream.next(), null);
  await assert.rejects(fetch(`${server.url}/healthz`));
});

Deno.test("a client that drips its header, or its body, is cut off", async () => {
  await withServer(async (server) => {
    for (
      const start of [
        "GET /healthz HTTP/1.1\r\nHost: loc",
        "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\na",
      ]
    ) {
      using slow = await Deno.connect({ hostname: "127.0.0.1", port: portOf(server) });
      await slow.write(new TextEncoder().encode(start));
      const answer = await readAll(slow);
      assert(answer === "" || /^HTTP\/1\.1 (408|405)/.test(answer), answer);
    }
  }, { timings: { headersTimeoutMs: 200, requestTimeoutMs: 400 } });
});

Deno.test("requests that are no HTTP for this host are refused without a word about the inside", async () => {
  await withServer(async (server) => {
    const answers: [string, RegExp][] = [
      ["GET /healthz HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 /],
      ["GET /healthz HTTP/1.1\r\nHost: evil.org\r\n\r\n", /^HTTP\/1\.1 403 /],
      ["GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", /^HTTP\/1\.1 40[03] /],
      ["\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", /^HTTP\/1\.1 400 /],
      [`GET /${"a".repeat(40_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, /^HTTP\/1\.1 (404|414|431) |^$/],
      ["GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", /^HTTP\/1\.1 404 /],
    ];
    for (const [request, expected] of answers) {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port: portOf(server) });
      await connection.write(new TextEncoder().encode(request.replace(/\r\n\r\n$/, "\r\nConnection: close\r\n\r\n")));
      const answer = await readAll(connection);
      assert.match(answer, expected, request.slice(0, 60));
      assert(!/at .*\.ts|node_modules|Error:/.test(answer), answer);
    }
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
  });
});

Deno.test("for a client that takes nothing nothing more is made, and it is cut off", async () => {
  const devices = Array.from({ length: 100 }, (_, device) => ({
    device_id: (0xa000_0000_0000_0000n + BigInt(device)).toString(16),
    device_name: `Device ${device}`,
    read_metric: Array.from({ length: 20 }, (_, metric) => ({
      metric_name: `metric with a rather long name ${metric}`,
      chirpstack_metric_name: `m${metric}`,
      metric_type: "Int",
    })),
  }));
  const world = new WebWorld({ application: [{ application_name: "A", application_id: "a", device: devices }] });
  const server = await startWeb(world.options({ timings: { tickMs: 1, stallMs: 1_500 } }));
  try {
    using deaf = await Deno.connect({ hostname: "127.0.0.1", port: portOf(server) });
    await deaf.write(new TextEncoder().encode("GET /api/v1/tags/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    const metric = async (name: string) =>
      Number(new RegExp(`^edgekeep_web_${name} (\\d+)$`, "m").exec(await world.metrics.metrics())?.[1]);
    await waitFor("the stream", async () => await metric("streams") === 1);
    const ids = [...world.tags.list()].map(({ id }) => id as string);
    let round = 0;
    await waitFor("the client to be cut off", async () => {
      world.set(Object.fromEntries(ids.map((id) => [id, round])), 0, Date.now() * 1000 + ++round);
      return await metric("streams") === 0 && round >= 150;
    }, { everyMs: 5 });
    // 150 rounds are more than 50 MB of messages: what was made is what the sockets of both sides took, and no more
    const made = await metric("stream_bytes_total");
    assert(made < 20_000_000, `${made} bytes were made for a client that took nothing`);
  } finally {
    await server.stop();
  }
});

Deno.test("a client that disconnects aborts the reading of history", async () => {
  await withServer(async (server, world) => {
    const asked = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    world.history.before = (signal) =>
      new Promise((_, reject) => {
        asked.resolve();
        signal?.addEventListener("abort", () => {
          aborted.resolve();
          reject(signal.reason);
        });
      });
    const gone = new AbortController();
    const answer = fetch(`${server.url}/api/v1/history?tag=a840410000000002/open`, { signal: gone.signal });
    await asked.promise;
    gone.abort();
    await assert.rejects(answer);
    await aborted.promise;
  });
});

Deno.test("a failure in the middle of an answer breaks the connection", async () => {
  await withServer(async (server, world) => {
    const rows = Array.from({ length: 50_000 }, (_, index) => ({ timeUs: index + 1, value: 1, quality: 0 }));
    world.history.rows.set("a840410000000002/cycles", rows);
    world.history.before = () => world.history.reads > 20 ? Promise.reject(new Error("disk gone")) : Promise.resolve();
    const answer = await fetch(`${server.url}/api/v1/history?tag=a840410000000002/cycles&format=csv`);
    assert.equal(answer.status, 200);
    await assert.rejects(answer.text());
  });
});

async function readAll(connection: Deno.Conn): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(65_536);
  for (;;) {
    // a connection that the server resets has ended too
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) return text;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
}
