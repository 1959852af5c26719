import assert from "node:assert/strict";
import { join } from "node:path";
import { edgekeepArguments, startGatewayProcess } from "../lib/gateway_process.ts";
import { chirpstackToken, type Site, site, startSimulatedField } from "../lib/site.ts";
import { waitFor } from "../lib/wait_for.ts";

async function withSite(run: (place: Site, folder: string) => Promise<void>, options: { token?: string } = {}) {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-bad-start-" });
  const simulator = await startSimulatedField(1, { apiToken: options.token });
  try {
    await run(site({ folder, chirpstackUrl: simulator.url, devices: simulator.devices }), folder);
  } finally {
    await simulator.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs `edgekeep run` to its own end; nothing but its exit code and words are left. */
async function runToEnd(place: Site) {
  const file = join(place.folder, "edgekeep.toml");
  await Deno.writeTextFile(file, place.config, { mode: 0o600 });
  const { code, stderr, stdout } = await new Deno.Command(Deno.execPath(), {
    args: edgekeepArguments("run", "--config", file),
    cwd: place.folder,
    stdin: "null",
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test("a refused configuration names every finding, ends with 3 and leaves nothing behind", () =>
  withSite(async (place, folder) => {
    const config = place.config.replace("[opcua]", "[opcua]\nhost_prot = 1\nmax_connections = 0");
    const { code, text } = await runToEnd({ ...place, config });
    assert.equal(code, 3, text);
    assert.match(text, /host_prot.*host_port/s);
    assert.match(text, /max_connections/);
    assert.doesNotMatch(text, new RegExp(chirpstackToken));
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["edgekeep.toml"]);
  }));

Deno.test("a port in use is named with the key that configures it, and the process ends with 6", () =>
  withSite(async (place) => {
    using _taken = Deno.listen({ hostname: "127.0.0.1", port: place.opcuaPort });
    const { code, text } = await runToEnd(place);
    assert.equal(code, 6, text);
    assert.match(text, new RegExp(`Port ${place.opcuaPort} of 127\.0\.0\.1 .*host_port.* is already in use`));
  }));

Deno.test("a damaged history file is set aside, named as a fault, and the gateway runs", () =>
  withSite(async (place, folder) => {
    await Deno.mkdir(join(folder, "data"));
    await Deno.writeTextFile(place.databasePath, "this is no database, but somebody may still want it");
    const gateway = await startGatewayProcess(place);
    try {
      const { faults } = await gateway.status();
      assert.ok(faults.some(({ code }) => code === "history_corrupt"), JSON.stringify(faults));
      const aside = [...Deno.readDirSync(join(folder, "data"))].find(({ name }) => name.includes(".corrupt-"));
      assert.ok(aside);
      assert.match(await Deno.readTextFile(join(folder, "data", aside.name)), /somebody may still want it/);
      assert.equal(await gateway.end(), 0);
    } finally {
      await gateway.end("SIGKILL");
    }
  }));

Deno.test("a wrong ChirpStack token is a fault with its remedy, and the gateway goes on", () =>
  withSite(async (place) => {
    const gateway = await startGatewayProcess(place);
    try {
      const fault = await waitFor("the fault", async () => {
        const { faults } = await gateway.status();
        return faults.find(({ code }) => code === "source_unauthorized");
      });
      assert.match(fault.remedy, /EDGEKEEP_CHIRPSTACK__API_TOKEN/);
      assert.equal((await gateway.status()).verdict, "failed");
      assert.doesNotMatch(gateway.output(), new RegExp(chirpstackToken));
      assert.equal(await gateway.end(), 0);
    } finally {
      await gateway.end("SIGKILL");
    }
  }, { token: "another token than the gateway has" }));
