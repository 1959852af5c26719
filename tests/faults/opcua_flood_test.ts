import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect, createServer, type Socket } from "node:net";
import { type GatewayProcess, startGatewayProcess } from "../lib/gateway_process.ts";
import { type OpcUaClientProcess, startOpcUaClient, type WireValue } from "../lib/opcua_client_process.ts";
import { site, startSimulatedField } from "../lib/site.ts";
import { waitFor } from "../lib/wait_for.ts";

/** Where attackers come from; the honest client is 127.0.0.1. */
const attackers = ["127.0.0.66", "127.0.0.67", "127.0.0.68", "127.0.0.69"];
const PER_ADDRESS = 20;
const SESSIONS = 12;

/** A socket of an attacker that keeps nothing but whether it is still open. */
class Attacker {
  readonly socket: Socket;
  open = true;
  heard = 0;

  constructor(port: number, from: string, begin: (socket: Socket) => void = () => {}) {
    this.socket = connect({ host: "127.0.0.1", port, localAddress: from }, () => begin(this.socket));
    this.socket.on("data", (data: Uint8Array) => this.heard += data.length);
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.open = false);
  }

  end(): void {
    this.socket.destroy();
  }
}

function hello(port: number): Uint8Array {
  const url = new TextEncoder().encode(`opc.tcp://127.0.0.1:${port}`);
  const message = Buffer.alloc(32 + url.length);
  message.write("HELF");
  [message.length, 0, 65_535, 65_535, 0, 0, url.length].forEach((word, i) => message.writeUInt32LE(word, 4 + i * 4));
  message.set(url, 32);
  return message;
}

/** The Hello and the OpenSecureChannel request of a real client, as they went over the wire. */
async function recordOpening(
  client: OpcUaClientProcess,
  port: number,
): Promise<{ readonly hello: Uint8Array; readonly open: Uint8Array }> {
  const parts: Uint8Array[] = [];
  const sockets: Socket[] = [];
  const proxy = createServer((inner: Socket) => {
    const outer = connect({ host: "127.0.0.1", port });
    sockets.push(inner, outer);
    for (const socket of [inner, outer]) socket.on("error", () => {});
    inner.on("data", (data: Uint8Array) => parts.push(data) && outer.write(data));
    outer.on("data", (data: Uint8Array) => inner.write(data));
    inner.on("close", () => outer.destroy());
    outer.on("close", () => inner.destroy());
  });
  const here = await new Promise<number>((resolve) =>
    proxy.listen(0, "127.0.0.1", () => resolve((proxy.address() as { port: number }).port))
  );
  try {
    const id = await client.connect(`opc.tcp://127.0.0.1:${here}`);
    await client.call("close", { id });
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  }
  const all = Buffer.concat(parts);
  const helloBytes = all.readUInt32LE(4);
  const opening = helloBytes + all.readUInt32LE(helloBytes + 4);
  assert.equal(all.subarray(helloBytes, helloBytes + 3).toString(), "OPN");
  return { hello: all.subarray(0, helloBytes), open: all.subarray(helloBytes, opening) };
}

Deno.test("floods of connections, sessions and bytes leave honest clients their data and the gateway its memory", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-flood-" });
  const simulator = await startSimulatedField(1);
  const [probe] = simulator.devices;
  assert.ok(probe);
  const node = `ns=2;s=${probe.devEui}/Soil conductivity`;
  const place = site({
    folder,
    chirpstackUrl: simulator.url,
    devices: [probe],
    opcua: { max_connections: SESSIONS, max_connections_per_address: PER_ADDRESS },
  });
  const port = place.opcuaPort;
  const client = await startOpcUaClient();
  const rogue = await startOpcUaClient();
  let gateway: GatewayProcess | undefined;
  let sent = 0;
  const got: number[] = [];
  try {
    const running = gateway = await startGatewayProcess(place);
    await waitFor("the stream", async () => (await running.status()).sources[0]?.devicesStreaming === 1);
    const id = await client.connect(running.opcuaUrl);
    const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
    await client.call("monitor", { id, subscription, samplingMs: 0, queueSize: 1000, nodes: [node] });
    /** Values keep coming, each of them, in order: through every attack. */
    const stillServed = async () => {
      const upTo = sent + 10;
      while (sent < upTo) simulator.sendUplink(probe.devEui, { conduct_SOIL: ++sent });
      await waitFor("the honest client's values", async () => {
        const values = await client.call<WireValue[]>("notifications", { id, node });
        // an Int64 comes as its two words
        got.push(...values.flatMap(({ value }) => Array.isArray(value) ? [value[1] as number] : []));
        return got.length >= sent;
      });
      assert.deepEqual(got, Array.from({ length: sent }, (_, i) => i + 1));
    };
    const settle = (what: string, sockets: readonly Attacker[], deadlineMs = 40_000) =>
      waitFor(what, () => sockets.every(({ open }) => !open), { deadlineMs });
    const attack = (count: number, begin?: (socket: Socket) => void) =>
      Array.from({ length: count }, (_, i) => new Attacker(port, attackers[i % attackers.length] ?? "", begin));

    const opening = await recordOpening(client, port);
    await stillServed();
    // once through everything in small, so that what is measured afterwards is growth and not the first use of code
    const replay = (socket: Socket) => {
      socket.write(opening.hello);
      socket.once("data", () => socket.write(opening.open));
    };
    const warm = attack(40, replay);
    await waitFor("answers", () => warm.some(({ heard }) => heard > 28));
    for (const one of warm) one.end();
    await settle("the warm-up's end", warm);
    await stillServed();
    const before = await running.rssBytes();

    await t.step("1,000 connections, twenty at a time", async () => {
      const all: Attacker[] = [];
      while (all.length < 1000) {
        all.push(...attack(20, (socket) => socket.write(hello(port))));
        if (all.length % 200 === 0) await stillServed();
        // what was let in stays open: the cap of an address is reached at once
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await waitFor("refusals", () => all.filter(({ open }) => !open).length >= 1000 - attackers.length * PER_ADDRESS);
      await stillServed();
      for (const one of all) one.end();
      await settle("the flood's end", all);
      await waitFor("the log", () => running.output().includes("refused at the limit max_connections"));
    });

    await t.step("half-open connections are hung up on", async () => {
      const silent = attack(30);
      const greeted = attack(30, (socket) => socket.write(hello(port)));
      const dripping = attack(10, (socket) => socket.write(hello(port).subarray(0, 9)));
      await stillServed();
      // the handshake has 15 s
      await settle("the end of those that never finish", [...silent, ...greeted, ...dripping]);
      await stillServed();
    });

    await t.step("a replayed opening with somebody else's certificate gets nowhere", async () => {
      const replays = attack(60, replay);
      await waitFor("answers", () => replays.every(({ heard, open }) => heard > 28 || !open));
      await stillServed();
      assert.equal((await running.status()).opcua?.sessions, 1, "no session came of it");
      for (const one of replays) one.end();
      await settle("the replays' end", replays);
    });

    await t.step("garbage, wrong lengths and huge announcements end the connection", async () => {
      const pieces = [
        new Uint8Array(4096).map((_, i) => (i * 7919) % 256),
        Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        Buffer.from([72, 69, 76, 70, 255, 255, 255, 127, 0, 0, 0, 0]),
        Buffer.from([72, 69, 76, 70, 8, 0, 0, 0]),
        Buffer.concat([hello(port), Buffer.from([79, 80, 78, 70, 255, 255, 255, 255, 0, 0, 0, 0])]),
        Buffer.concat([hello(port), Buffer.from([77, 83, 71, 70, 64, 0, 0, 0]), Buffer.alloc(56, 1)]),
        Buffer.concat([hello(port), hello(port)]),
        Buffer.concat([hello(port), opening.open, Buffer.alloc(70_000, 65)]),
      ];
      const all = pieces.flatMap((piece) => attack(2, (socket) => socket.write(piece)));
      await stillServed();
      await settle("the end of garbage", all);
      await stillServed();
      assert.doesNotMatch(running.output(), /worker ended/);
    });

    await t.step("a flood of sessions ends at the cap, and room comes back", async () => {
      const opened: number[] = [];
      const refused: string[] = [];
      for (let i = 0; i < SESSIONS + 4; i++) {
        try {
          opened.push(await rogue.connect(running.opcuaUrl, { keepAlive: false }));
        } catch (error) {
          refused.push(String(error));
        }
      }
      assert.equal(opened.length, SESSIONS - 1, refused.join("\n"));
      assert.ok(refused.every((reason) => /TooManySessions/.test(reason)), refused.join("\n"));
      await stillServed();
      for (const one of opened) await rogue.call("drop", { id: one });
      // those whose connection is gone make room for whoever comes
      const late = await waitFor("room", () => client.connect(running.opcuaUrl).catch(() => null));
      await client.call("close", { id: late });
      await stillServed();
    });

    await t.step("memory comes back to within a tenth", async () => {
      await waitFor("memory", async () => await running.rssBytes() <= before * 1.1, { deadlineMs: 60_000 })
        .catch(async () => {
          assert.fail(
            `${Math.round(before / 2 ** 20)} MiB before, ${Math.round(await running.rssBytes() / 2 ** 20)} after`,
          );
        });
    });
    assert.equal(await running.end("SIGTERM"), 0);
  } finally {
    await gateway?.end("SIGKILL");
    await client[Symbol.asyncDispose]();
    await rogue[Symbol.asyncDispose]();
    await simulator.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
