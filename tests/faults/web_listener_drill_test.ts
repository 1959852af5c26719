import assert from "node:assert/strict";
import { answerWith, TlsListener } from "../lib/tls_listener.ts";
import { programPath, requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import { listenWeb, type WebListenerOptions } from "../../src/web/listener.ts";

const curl = programPath("curl") ?? "curl";
const ended = "the connection to end";

/** Times so short that a drill is soon over. */
const quick = {
  firstByteTimeoutMs: 300,
  handshakeTimeoutMs: 300,
  headersTimeoutMs: 300,
  requestTimeoutMs: 600,
  keepAliveTimeoutMs: 300,
  stallTimeoutMs: 500,
};
/** Time enough, on a busy machine, for whoever is to get as far as a request. */
const unhurried = { firstByteTimeoutMs: 30_000, handshakeTimeoutMs: 30_000 };

/** A raw connection that keeps what it hears and knows when it has ended. */
class Abuser implements Disposable {
  heard = "";
  ended = false;
  readonly #connection: Deno.Conn;

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
    void this.#listen();
  }

  static async tcp(port: number, hostname = "127.0.0.1"): Promise<Abuser> {
    return new Abuser(await Deno.connect({ hostname, port }));
  }

  static async tls(server: TlsListener): Promise<Abuser> {
    const caCerts = [server.certificate.material.cert];
    return new Abuser(await Deno.connectTls({ hostname: "127.0.0.1", port: server.port, caCerts }));
  }

  async send(text: string | Uint8Array): Promise<void> {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    await this.#connection.write(bytes).catch(() => 0);
  }

  /** Sends a byte each time, however long it takes, until the other side has had enough. */
  async drip(text: string | Uint8Array, everyMs = 40): Promise<void> {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    for (let at = 0; !this.ended; at++) {
      await this.send(bytes.slice(at % bytes.length, at % bytes.length + 1));
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }

  [Symbol.dispose](): void {
    try {
      this.#connection.close();
    } catch {
      // it has ended by itself
    }
  }

  async #listen(): Promise<void> {
    const buffer = new Uint8Array(16_384);
    for (;;) {
      const count = await this.#connection.read(buffer).catch(() => null);
      if (count === null) break;
      this.heard += new TextDecoder("latin1").decode(buffer.subarray(0, count));
    }
    this.ended = true;
  }
}

/** Others are served. A busy machine may be too slow for {@link quick}, and is asked again. */
async function answers(server: TlsListener): Promise<void> {
  await waitFor("an answer", async () => {
    using client = server.client();
    return await (await fetch(`${server.url}/ok`, { client })).text() === "path /ok";
  });
}

async function withPlain(
  more: Partial<WebListenerOptions>,
  run: (port: number, connections: () => number) => Promise<void>,
): Promise<void> {
  const listener = await listenWeb({
    address: { host: "127.0.0.1", port: 0 },
    tls: null,
    clientAuth: "none",
    handler: answerWith(new Set()),
    ...more,
  });
  try {
    await run(listener.port, () => listener.connections);
  } finally {
    await listener.stop();
  }
}

Deno.test("who connects and says nothing is cut off, with TLS and without", async () => {
  await using server = await TlsListener.start({ timings: quick });
  using silent = await Abuser.tcp(server.port);
  await waitFor(ended, () => silent.ended);
  assert.equal(silent.heard, "");
  using handshaken = await Abuser.tls(server);
  await handshaken.send("");
  await waitFor(ended, () => handshaken.ended);
  await withPlain({ timings: quick }, async (port) => {
    using quiet = await Abuser.tcp(port);
    await waitFor(ended, () => quiet.ended);
  });
  await answers(server);
});

Deno.test("a TLS handshake that drips in is cut off", async () => {
  await using server = await TlsListener.start({ timings: quick });
  using slow = await Abuser.tcp(server.port);
  // a record of 512 bytes that never becomes complete
  await slow.drip(Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3));
  assert.ok(slow.ended);
  await waitFor("its place to be free", () => server.listener.connections === 0);
  await answers(server);
});

Deno.test("headers and bodies that drip in are cut off, with TLS, without, and on the way to a redirect", async () => {
  const slow = "GET /x HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
  const body = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n";
  await using server = await TlsListener.start({ timings: { ...quick, ...unhurried } });
  for (const start of [slow, body]) {
    using abuser = await Abuser.tls(server);
    await abuser.send(start);
    await abuser.drip("a");
    assert.ok(!abuser.heard.includes("200 OK"), abuser.heard);
  }
  for (const start of [slow, body]) {
    using abuser = await Abuser.tcp(server.port);
    await abuser.send(start);
    await abuser.drip("a");
    assert.match(abuser.heard, start === body ? /^HTTP\/1\.1 308 / : /^$|^HTTP\/1\.1 4/);
  }
  await withPlain({ timings: quick }, async (port, connections) => {
    for (const start of [slow, body]) {
      using abuser = await Abuser.tcp(port);
      await abuser.send(start);
      await abuser.drip("a");
      assert.match(abuser.heard, /^$|^HTTP\/1\.1 408 /);
    }
    await waitFor("the places to be free", () => connections() === 0);
  });
  await answers(server);
});

Deno.test("a second request that drips in behind an answered one is cut off too", async () => {
  await withPlain({ timings: { ...quick, headersTimeoutMs: 3_000, requestTimeoutMs: 3_000 } }, async (port) => {
    using abuser = await Abuser.tcp(port);
    await abuser.send("GET /one HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await waitFor("the answer", () => abuser.heard.includes("path /one"));
    await abuser.send("GET /two HTTP/1.1\r\nHost: localhost\r\n");
    await abuser.drip("X-A: b\r\n");
    assert.ok(!abuser.heard.includes("path /two"));
  });
});

Deno.test("an answer that nobody takes is given up, and a stream that is silent is not", async () => {
  await using server = await TlsListener.start({
    timings: { ...quick, ...unhurried, headersTimeoutMs: 30_000, requestTimeoutMs: 30_000 },
  });
  using stream = await Abuser.tls(server);
  await stream.send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await waitFor("the stream", () => stream.heard.includes("hello"));
  const caCerts = [server.certificate.material.cert];
  using deaf = await Deno.connectTls({ hostname: "127.0.0.1", port: server.port, caCerts });
  await deaf.write(new TextEncoder().encode("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  await waitFor("both", () => server.listener.connections === 2);
  await waitFor("the deaf one to be cut", () => server.listener.connections === 1);
  for (const write of server.streams) write("still here\n");
  await waitFor("the stream to go on", () => stream.heard.includes("still here"));
});

Deno.test("first bytes that are neither TLS nor HTTP end their own connection alone", async () => {
  await using server = await TlsListener.start({ timings: quick });
  const junk = [
    new Uint8Array(4096),
    Uint8Array.from({ length: 4096 }, () => 0xff),
    Uint8Array.of(0x16),
    Uint8Array.of(0x16, 3, 1, 0, 5, 9, 9, 9, 9, 9),
    Uint8Array.of(0x16, 0xff, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(0x80, 0x2e, 1, 3, 0),
    new TextEncoder().encode("SSH-2.0-OpenSSH_9.2\r\n"),
    new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    new TextEncoder().encode("\r\n\r\n\r\n\r\n"),
    ...Array.from({ length: 20 }, () => crypto.getRandomValues(new Uint8Array(512))),
  ];
  for (const bytes of junk) {
    using abuser = await Abuser.tcp(server.port);
    await abuser.send(bytes);
    await waitFor(ended, () => abuser.ended);
    assert.ok(!/200 OK|path |at .*\.ts|node_modules/.test(abuser.heard), abuser.heard);
  }
  await waitFor("the places to be free", () => server.listener.connections === 0);
  await answers(server);
});

Deno.test("who leaves without a word, or in the middle of a handshake, makes room at once", async () => {
  // by itself the listener would wait longer than the test does
  await using server = await TlsListener.start({
    timings: { firstByteTimeoutMs: 60_000, handshakeTimeoutMs: 60_000, headersTimeoutMs: 60_000 },
  });
  for (const start of [Uint8Array.of(), Uint8Array.of(0x16, 3, 1, 2, 0, 1), new TextEncoder().encode("GET /")]) {
    for (let count = 0; count < 20; count++) {
      using abuser = await Abuser.tcp(server.port);
      if (start.length > 0) await abuser.send(start);
    }
    await waitFor("the places to be free", () => server.listener.connections === 0);
  }
});

Deno.test("a client that closes its half behind a request still gets its answer", async () => {
  await using server = await TlsListener.start();
  using plain = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await plain.write(new TextEncoder().encode("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  await plain.closeWrite();
  assert.match(await new Response(plain.readable).text(), /^HTTP\/1\.1 308 /);
});

Deno.test("1000 idle connections lock nobody out, and their number stays within the cap", async () => {
  await using server = await TlsListener.start();
  const abusers: Abuser[] = [];
  try {
    for (let count = 0; count < 1000; count++) {
      abusers.push(await Abuser.tcp(server.port));
      // some begin a handshake
      if (count % 3 === 0) await abusers.at(-1)?.send(Uint8Array.of(0x16, 3, 1));
      assert.ok(server.listener.connections <= 64);
    }
    await answers(server);
    await waitFor("all but the cap's number to be cut", () => abusers.filter((one) => !one.ended).length <= 64);
  } finally {
    for (const abuser of abusers) abuser[Symbol.dispose]();
  }
});

Deno.test({
  name: "while one address floods, another is served, and so is a third when the cap of all is reached",
  ...requires("curl"),
  fn: async () => {
    await using server = await TlsListener.start({
      limits: { perAddress: 30, total: 40 },
      address: { host: "0.0.0.0", port: 0 },
    });
    let flooding = true;
    const opened: Abuser[] = [];
    const flood = (async () => {
      while (flooding) {
        const abuser = await Abuser.tcp(server.port).catch(() => null);
        if (abuser === null) continue;
        opened.push(abuser);
        await abuser.send("G");
        if (opened.length > 200) opened.shift()?.[Symbol.dispose]();
      }
    })();
    try {
      await waitFor("the flood", () => server.listener.connections >= 30);
      const from = async (address: string) => {
        const { stdout } = await new Deno.Command(curl, {
          args: [
            "-s",
            "--max-time",
            "60",
            "--interface",
            address,
            "--cacert",
            `${server.folder}/cert.pem`,
            `${server.url}/ok`,
          ],
        }).output();
        return new TextDecoder().decode(stdout);
      };
      for (let round = 0; round < 5; round++) assert.equal(await from("127.0.0.2"), "path /ok");
      const asked = await Promise.all(Array.from({ length: 12 }, (_, host) => from(`127.0.1.${host + 1}`)));
      assert.deepEqual(new Set(asked), new Set(["path /ok"]));
      assert.ok(server.listener.connections <= 40);
    } finally {
      flooding = false;
      await flood;
      for (const abuser of opened) abuser[Symbol.dispose]();
    }
  },
});

Deno.test("streams of one address that fill its share leave the others theirs, and are not cut by newcomers", async () => {
  await withPlain({ limits: { perAddress: 4, total: 100 } }, async (port, connections) => {
    const streams: Abuser[] = [];
    try {
      for (let count = 0; count < 4; count++) {
        const stream = await Abuser.tcp(port);
        streams.push(stream);
        await stream.send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
        await waitFor("the stream", () => stream.heard.includes("hello"));
      }
      using refused = await Abuser.tcp(port);
      await waitFor(ended, () => refused.ended);
      assert.equal(connections(), 4);
      assert.ok(streams.every((one) => !one.ended));
    } finally {
      for (const stream of streams) stream[Symbol.dispose]();
    }
    await waitFor("the places to be free", () => connections() === 0);
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/ok`)).text(), "path /ok");
  });
});

Deno.test("stopping ends everything that is open, whatever state it is in", async () => {
  const server = await TlsListener.start();
  const abusers = [
    await Abuser.tcp(server.port),
    await Abuser.tcp(server.port),
    await Abuser.tcp(server.port),
    await Abuser.tls(server),
  ];
  await abusers[1]?.send(Uint8Array.of(0x16, 3, 1));
  await abusers[2]?.send("GET / HT");
  await abusers[3]?.send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await waitFor("the stream", () => abusers[3]?.heard.includes("hello"));
  await server[Symbol.asyncDispose]();
  for (const abuser of abusers) {
    await waitFor(ended, () => abuser.ended);
    abuser[Symbol.dispose]();
  }
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: server.port }));
});
