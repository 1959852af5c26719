import assert from "node:assert/strict";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { freePort } from "../../src/cli/free_port.ts";
import { edgekeepArguments, startGatewayProcess } from "../lib/gateway_process.ts";
import { waitFor } from "../lib/wait_for.ts";

const secretToken = "chirpstack-token-that-nobody-may-see";
const secretPassword = "opcua-password-that-nobody-may-see";

/** Runs `edgekeep` to its end. */
async function edgekeep(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: edgekeepArguments(...args),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code: output.code, stdout: text(output.stdout), stderr: text(output.stderr) };
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-process-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A configuration whose ChirpStack does not answer. */
function configText(opcuaPort: number, webPort: number, logging: Readonly<Record<string, unknown>> = {}): string {
  return stringify({
    gateway: { data_dir: "data" },
    chirpstack: { server_address: `http://127.0.0.1:${freePort("127.0.0.1", 0)}`, api_token: secretToken },
    opcua: { host_port: opcuaPort, user_name: "operator", user_password: secretPassword },
    logging,
    runtime: { web: { listen: `127.0.0.1:${webPort}` } },
    application: [{
      application_id: "a",
      application_name: "a",
      device: [{
        device_id: "0102030405060708",
        device_name: "probe",
        read_metric: [{ metric_name: "t", chirpstack_metric_name: "t", metric_type: "Float" }],
      }],
    }],
  });
}

Deno.test("A wrong command line ends with 2 and says where help is", async () => {
  for (
    const args of [["bogus"], ["run", "--bogus"], ["simulator", "--devices", "none"], ["simulator", "--listen", "x"]]
  ) {
    const { code, stderr } = await edgekeep(...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, /error: .*\n.*--help/s, args.join(" "));
  }
  const { code, stderr } = await edgekeep();
  assert.equal(code, 2);
  assert.match(stderr, /Commands:\n.*run /s);
});

Deno.test("Help and version end with 0", async () => {
  for (
    const args of [["--help"], ["help", "run"], ["run", "--help"], ["simulator", "--help"], ["permissions", "--help"]]
  ) {
    const { code, stdout } = await edgekeep(...args);
    assert.equal(code, 0, args.join(" "));
    assert.match(stdout, /Usage: edgekeep.*Examples?:/s, args.join(" "));
  }
  const { stdout } = await edgekeep("version", "--json");
  assert.equal(JSON.parse(stdout).deno, Deno.version.deno);
  assert.match((await edgekeep("--version")).stdout, /^edgekeep \d+\.\d+\.\d+\n$/);
});

Deno.test("A refused configuration ends with 3, lists every finding, and opens nothing", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "edgekeep.toml");
    await Deno.writeTextFile(file, `[gateway]\ndata_dir = "data"\ntypo = 1\n[opcua]\nhost_port = 0\n`);
    for (const command of ["run", "permissions"]) {
      const { code, stderr } = await edgekeep(command, "--config", file);
      assert.equal(code, 3);
      assert.match(stderr, /typo/);
      assert.match(stderr, /host_port/);
    }
    assert.deepEqual(await Array.fromAsync(Deno.readDir(folder), ({ name }) => name), ["edgekeep.toml"]);
  });
});

Deno.test("The derived permissions can be read by people and by programs", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "edgekeep.toml");
    await Deno.writeTextFile(file, configText(4840, 8080));
    const { stdout: text } = await edgekeep("permissions", "--config", file);
    assert.match(text, /127\.0\.0\.1:4840 +\[opcua\]\.host_ip_address/);
    assert.match(text, /--allow-net=127\.0\.0\.1:\d+,127\.0\.0\.1:4840,127\.0\.0\.1:8080/);
    const { permissions, grants } = JSON.parse((await edgekeep("permissions", "--json", "--config", file)).stdout);
    assert.deepEqual(permissions.write, [join(folder, "data")]);
    assert.equal(permissions.run, false);
    assert.ok(grants.length > 5);
    assert.ok(!text.includes(secretToken));
  });
});

for (const taken of ["opcua", "web"] as const) {
  Deno.test(`A port that is taken ends with 6 and names the port, its key and who answers there: ${taken}`, async () => {
    await inFolder(async (folder) => {
      const server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen: () => {} },
        () => new Response("", { headers: { server: "someone/1.0" } }),
      );
      const other = freePort("127.0.0.1", 0);
      const { port } = server.addr;
      const file = join(folder, "edgekeep.toml");
      await Deno.writeTextFile(file, taken === "opcua" ? configText(port, other) : configText(other, port));
      try {
        const { code, stderr } = await edgekeep("run", "--config", file);
        assert.equal(code, 6, stderr);
        const key = taken === "opcua" ? "[opcua].host_port" : "[runtime.web].listen";
        assert.ok(stderr.includes(`Port ${port} of 127.0.0.1 (${key}) is already in use`), stderr);
        assert.ok(stderr.includes("by another web server (someone/1.0)"), stderr);
      } finally {
        await server.shutdown();
      }
    });
  });
}

Deno.test("A log folder that cannot be used ends with 6", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "edgekeep.toml");
    await Deno.writeTextFile(join(folder, "log"), "a file in the way");
    await Deno.writeTextFile(file, configText(freePort("127.0.0.1", 0), freePort("127.0.0.1", 0), { dir: "log" }));
    const { code, stderr } = await edgekeep("run", "--config", file);
    assert.equal(code, 6);
    assert.match(stderr, /Cannot write the log into/);
  });
});

Deno.test("A whole run: systemd hears of it, SIGHUP ends nothing, SIGTERM ends it in order, no secret is shown", async () => {
  await inFolder(async (folder) => {
    const notify = Deno.listenDatagram({ transport: "unixpacket", path: join(folder, "notify") });
    const heard: string[] = [];
    const listening = (async () => {
      for await (const [data] of notify) heard.push(new TextDecoder().decode(data));
    })();
    const [opcuaPort, webPort] = [freePort("127.0.0.1", 0), freePort("127.0.0.1", 0)];
    const gateway = await startGatewayProcess({
      folder,
      opcuaPort,
      webPort,
      config: configText(opcuaPort, webPort, { level: "trace", format: "json", dir: "log" }),
      env: { NOTIFY_SOCKET: join(folder, "notify"), WATCHDOG_USEC: "1000000" },
    });
    try {
      await waitFor("a sign of life", () => heard.includes("WATCHDOG=1"));
      Deno.kill(gateway.pid, "SIGHUP");
      await waitFor("the answer to SIGHUP", () => gateway.output().includes("config_reload_succeeded"));
      const shown = JSON.stringify(await gateway.status()) + await (await fetch(`${gateway.webUrl}/metrics`)).text();
      assert.equal(await gateway.end("SIGTERM"), 0, gateway.output());
      await waitFor("the last word", () => heard.at(-1)?.startsWith("STOPPING=1"));
      assert.match(heard[0] ?? "", new RegExp(`^READY=1\nSTATUS=Ready: .*:${opcuaPort}`));
      const files = await Deno.readTextFile(join(folder, "log", "edgekeep.log"));
      assert.equal(files, gateway.output(), "the file holds what standard error got");
      const events = files.trim().split("\n").map((line) => JSON.parse(line).event);
      for (const event of ["process_started", "worker_ready", "stop_requested", "supervisor_stopped"]) {
        assert.ok(events.includes(event), event);
      }
      for (const secret of [secretToken, secretPassword]) assert.ok(!(shown + files).includes(secret));
    } finally {
      await gateway.end("SIGKILL");
      notify.close();
      await listening;
    }
  });
});
