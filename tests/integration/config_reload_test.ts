import assert from "node:assert/strict";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { freePort } from "../../src/cli/free_port.ts";
import { type GatewayProcess, startGatewayProcess } from "../lib/gateway_process.ts";
import { connectRaw } from "../lib/opcua_client_hello.ts";
import { waitFor } from "../lib/wait_for.ts";

const password = "opcua-password-that-nobody-may-see";

interface World {
  readonly gateway: GatewayProcess;
  readonly file: string;
  /** What the service manager heard. */
  readonly heard: readonly string[];
  /** Log lines of an event so far. */
  events(name: string): Record<string, unknown>[];
  /** Writes the file anew, sends SIGHUP, and waits for the end of the attempt. */
  reload(edit: (text: string) => string): Promise<Record<string, unknown>>;
}

/** A gateway in a process of its own, as systemd would run it. */
async function withGateway(test: (world: World) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-reload-" });
  const notify = Deno.listenDatagram({ transport: "unixpacket", path: join(folder, "notify") });
  const heard: string[] = [];
  const listening = (async () => {
    for await (const [data] of notify) heard.push(new TextDecoder().decode(data));
  })();
  const [opcuaPort, webPort] = [freePort("127.0.0.1", 0), freePort("127.0.0.1", 0)];
  const file = join(folder, "edgekeep.toml");
  const gateway = await startGatewayProcess({
    folder,
    opcuaPort,
    webPort,
    config: stringify({
      gateway: { data_dir: "data" },
      opcua: { host_port: opcuaPort, user_name: "operator", user_password: password },
      logging: { format: "json", level: "info" },
      runtime: { web: { listen: `127.0.0.1:${webPort}` } },
    }),
    env: { NOTIFY_SOCKET: join(folder, "notify") },
  });
  const lines = () =>
    gateway.output().split("\n").flatMap((line): Record<string, unknown>[] => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
  const events = (name: string) => lines().filter(({ event }) => event === name);
  const ended = () => [...events("config_reload_succeeded"), ...events("config_reload_failed")];
  try {
    await test({
      gateway,
      file,
      heard,
      events,
      async reload(edit) {
        const before = ended().length;
        const text = await Deno.readTextFile(file);
        await Deno.writeTextFile(file, edit(text));
        Deno.kill(gateway.pid, "SIGHUP");
        await waitFor("the end of the reload", () => ended().length > before, { deadlineMs: 60_000 });
        return lines().findLast(({ event }) => /^config_reload_(succeeded|failed)$/.test(String(event))) ?? {};
      },
    });
    assert.equal(await gateway.end("SIGTERM"), 0, gateway.output());
    assert.ok(!gateway.output().includes(password));
  } finally {
    await gateway.end("SIGKILL");
    notify.close();
    await listening;
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("SIGHUP applies what changed: live, one part alone, or all; OPC UA stays while only web restarts", async () => {
  await withGateway(async ({ gateway, file, heard, events, reload }) => {
    using opcua = await connectRaw(gateway.opcuaUrl);
    assert.notEqual(await opcua.hello(), null);
    let closed = false;
    const closing = opcua.closed().then(() => closed = true);

    const live = await reload((text) => text.replace('level = "info"', 'level = "debug"'));
    assert.deepEqual([live.event, live.effect, live.trigger], ["config_reload_succeeded", "live", "sighup"]);
    await waitFor("the word of it", () => heard.some((text) => text.startsWith("RELOADING=1\nSTATUS=")));
    await waitFor("ready again", () => heard.filter((text) => text.startsWith("READY=1")).length === 2);

    const web = await reload((text) => text.replace("[runtime.web]", '[runtime.web]\nauth_realm = "plant"'));
    assert.deepEqual([web.event, web.effect], ["config_reload_succeeded", "web"], JSON.stringify(web));
    const ready = await fetch(`${gateway.webUrl}/readyz`);
    await ready.body?.cancel();
    assert.ok(ready.ok);
    assert.ok(!closed, "the OPC UA connection is still there");
    assert.equal(events("worker_ready").length, 1);

    const port = freePort("127.0.0.1", 0);
    const moved = await reload((text) => text.replace(/listen = ".*"/, `listen = "127.0.0.1:${port}"`));
    // the sandbox allows no port but those that were configured when the worker started
    assert.deepEqual([moved.event, moved.effect], ["config_reload_succeeded", "worker"], JSON.stringify(moved));
    const there = await fetch(`http://127.0.0.1:${port}/readyz`);
    await there.body?.cancel();
    assert.ok(there.ok);
    await assert.rejects(fetch(`${gateway.webUrl}/readyz`));
    await closing;
    using again = await connectRaw(gateway.opcuaUrl);
    assert.notEqual(await again.hello(), null);

    const index = (await Deno.readTextFile(join(file, "..", "data", "versions", "index.jsonl"))).trim().split("\n");
    assert.deepEqual(index.map((line) => JSON.parse(line).trigger), ["start", "sighup", "sighup", "sighup"]);
    const audit = join(file, "..", "data", "audit");
    // the worker writes them, to which they are sent
    await waitFor("three records", async () => {
      const names = await Array.fromAsync(Deno.readDir(audit), ({ name }) => name);
      const records = await Promise.all(names.map((name) => Deno.readTextFile(join(audit, name))));
      return records.join("").split('"config_reload_succeeded"').length - 1 === 3;
    });
  });
});

Deno.test("What cannot be applied leaves the gateway as it was, says why, and names the key", async () => {
  await withGateway(async ({ gateway, events, reload }) => {
    const wrong = await reload((text) => text.replace("[opcua]", "[opcua]\nmax_connections = 0"));
    assert.deepEqual(
      [wrong.event, wrong.reason, wrong.changed_knob],
      ["config_reload_failed", "validation", "opcua.max_connections"],
    );
    const syntax = await reload((text) => text.replace("max_connections = 0", "max_connections ="));
    assert.equal(syntax.reason, "validation");

    // a port that somebody else has: the new worker cannot start, the one before is back
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    try {
      const back = await reload((text) =>
        text.replace("max_connections =\n", "").replace(/listen = ".*"/, `listen = "127.0.0.1:${taken.addr.port}"`)
      );
      assert.deepEqual([back.event, back.reason], ["config_reload_failed", "rolled_back"], JSON.stringify(back));
      assert.equal(back.changed_knob, "runtime.web.listen");
    } finally {
      taken.close();
    }
    const answer = await fetch(`${gateway.webUrl}/readyz`);
    await answer.body?.cancel();
    assert.ok(answer.ok);
    using opcua = await connectRaw(gateway.opcuaUrl);
    assert.notEqual(await opcua.hello(), null);
    assert.equal(events("config_reload_attempted").length, 3);
    assert.equal(events("config_reload_succeeded").length, 0);
  });
});
