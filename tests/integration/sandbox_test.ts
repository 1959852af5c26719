import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { presentPrograms } from "../../src/supervisor/agent_programs.ts";
import { bakedFlags } from "../../src/supervisor/baked_flags.ts";
import { freePort } from "../../src/cli/free_port.ts";
import { escapeAttempts, outcomes, type Targets } from "./workers/escape_attempts.ts";

/** What Deno, node:dns and node:sqlite (which allows no attached database at all) say when they refuse. */
const refusal = /^NotCapable: |^TypeError: Requires (import|read) access|EPERM|max 0$/;

/** A folder with a data directory and things outside it, and a listener that the configuration does not name. */
async function withTargets(test: (targets: Targets) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const outside = `${folder}/outside`;
  const dataDir = `${folder}/data`;
  await Deno.mkdir(outside);
  await Deno.mkdir(dataDir);
  for (const name of ["secret", "deletable", "module.js"]) await Deno.writeTextFile(`${outside}/${name}`, "");
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("export {};", { headers: { "content-type": "application/javascript" } }),
  );
  const sleeper = new Deno.Command("sleep", { args: ["600"] }).spawn();
  try {
    await test({ outside, dataDir, port: server.addr.port, pid: sleeper.pid, program: presentPrograms()[0] ?? null });
  } finally {
    sleeper.kill("SIGKILL");
    await sleeper.status;
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
}

/** The first line that a process with the executable's flags prints when its role is ready. */
async function readyInfo(args: readonly string[]): Promise<Record<string, string>> {
  const runner = fileURLToPath(new URL("./workers/sandboxed_run.ts", import.meta.url));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", ...bakedFlags, runner, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("The gateway's sandbox refuses every way out, and allows the gateway's work", async () => {
  await withTargets(async (targets) => {
    const chirpstack = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const [opcuaPort, webPort] = [freePort("127.0.0.1", 0), freePort("127.0.0.1", 0)];
    const config = {
      gateway: { data_dir: targets.dataDir },
      chirpstack: { server_address: `http://127.0.0.1:${chirpstack.addr.port}`, api_token: "x" },
      opcua: { host_port: opcuaPort },
      runtime: { web: { listen: `127.0.0.1:${webPort}` } },
    };
    const work = { dataDir: targets.dataDir, ports: [opcuaPort, webPort], chirpstackPort: chirpstack.addr.port };
    const entry = new URL("./workers/escaping_role.ts", import.meta.url).href;
    let results: Record<string, string>;
    try {
      results = await readyInfo([entry, JSON.stringify(config), JSON.stringify({ escapes: targets, work })]);
    } finally {
      chirpstack.close();
    }
    const attempts = Object.keys(escapeAttempts(targets));
    for (const name of attempts) {
      assert.match(
        results[name] ?? "not tried",
        refusal,
        `${name} must be refused`,
      );
    }
    const allowed = Object.entries(results).filter(([name]) => !attempts.includes(name));
    assert.ok(allowed.length >= 6);
    for (const [name, outcome] of allowed) assert.equal(outcome, "worked", name);
    assert.deepEqual((await Array.fromAsync(Deno.readDir(targets.outside), ({ name }) => name)).toSorted(), [
      "deletable",
      "module.js",
      "secret",
    ]);
  });
});

/** What a hub that relays may do besides: nobody knows beforehand where its nodes are. */
const network =
  /^(connect|fetch|open a WebSocket|listen elsewhere|listen on every|send a datagram|look up a name|.*by name$)/;

for (const [what, sessions] of [["without a relay", 0], ["with a relay", 1]] as const) {
  Deno.test(`The sandbox of a hub ${what} refuses every way out but the network that it needs`, async () => {
    await withTargets(async (targets) => {
      const [api, web] = [freePort("127.0.0.1", 0), freePort("127.0.0.1", 0)];
      const config = {
        gateway: { data_dir: targets.dataDir },
        runtime: { web: { listen: `127.0.0.1:${web}` } },
        hub: { listen: `127.0.0.1:${api}`, relay_sessions: sessions },
      };
      const work = { dataDir: targets.dataDir, ports: [api, web], chirpstackPort: null };
      const entry = new URL("./workers/escaping_role.ts", import.meta.url).href;
      const results = await readyInfo([entry, JSON.stringify(config), JSON.stringify({ escapes: targets, work })]);
      const attempts = Object.keys(escapeAttempts(targets));
      for (const name of attempts) {
        if (sessions > 0 && network.test(name)) assert.equal(results[name], "worked", name);
        else assert.match(results[name] ?? "not tried", refusal, `${name} must be refused`);
      }
      const allowed = Object.entries(results).filter(([name]) => !attempts.includes(name));
      assert.ok(allowed.length >= 5);
      for (const [name, outcome] of allowed) assert.equal(outcome, "worked", name);
    });
  });
}

Deno.test("Outside the sandbox the same attempts work, so that the refusals prove something", async () => {
  await withTargets(async (targets) => {
    // importing would work too, and leave the module in this machine's cache; that the server answers is shown by fetch
    const { "import code from the network": _import, ...attempts } = escapeAttempts(targets);
    const results = await outcomes(attempts);
    const failed = Object.entries(results).filter(([, outcome]) => outcome !== "worked");
    // there is no add-on to load; that it was looked for is enough
    assert.deepEqual(failed.map(([name]) => name), ["load a native add-on"], JSON.stringify(failed));
    assert.ok(!/NotCapable/.test(failed[0]?.[1] ?? ""));
  });
});
