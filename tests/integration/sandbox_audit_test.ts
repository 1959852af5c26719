import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfigHere } from "../../src/config/load_here.ts";
import { connectControl } from "../../src/control/control_client.ts";
import { codePaths } from "../../src/supervisor/code_paths.ts";
import { gatewayGrants, type Grant, hubGrants } from "../../src/supervisor/permissions.ts";
import { startGatewayProcess } from "../lib/gateway_process.ts";
import { HubProcess } from "../lib/hub_process.ts";
import { startOpcUaClient } from "../lib/opcua_client_process.ts";
import { site, startSimulatedField } from "../lib/site.ts";
import { waitFor } from "../lib/wait_for.ts";

/** One line of the file that Deno writes under `DENO_AUDIT_PERMISSIONS`. */
interface Use {
  readonly permission: string;
  /** `null` when everything of the kind was asked for, as the supervisor may. */
  readonly value: string | null;
}

/** What the gateway may touch and this run does not: none so far. */
const unusedHere: readonly string[] = [];

/** What was asked for beyond the grants, and refused without harm. */
const refusedHere: readonly RegExp[] = [
  // node-opcua looks its own host's name up when it stops
  new RegExp(`^net ${RegExp.escape(Deno.hostname())}$`),
];

Deno.test("the gateway's permissions are those that a whole run uses, no more and no fewer", async () => {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-audit-" });
  const simulator = await startSimulatedField(3, { intervalMs: 200 });
  const place = site({
    folder,
    // by name: the look-up must work inside the sandbox
    chirpstackUrl: simulator.url.replace("127.0.0.1", "localhost"),
    devices: simulator.devices,
    storage: { backup_interval_hours: 24 },
  });
  const audit = join(folder, "audit.jsonl");
  // as after a power cut: the gateway asks whether somebody still answers there
  const socket = join(folder, "data", "control.sock");
  await Deno.mkdir(join(folder, "data"));
  const dies = `Deno.listen({ transport: "unix", path: ${JSON.stringify(socket)} }); Deno.kill(Deno.pid, "SIGKILL")`;
  await new Deno.Command(Deno.execPath(), { args: ["eval", dies] }).output();
  const gateway = await startGatewayProcess({ ...place, env: { DENO_AUDIT_PERMISSIONS: audit } });
  try {
    await waitFor("live samples", async () => (await gateway.status()).tags.samplesLive > 10);
    await exercise(gateway.opcuaUrl, gateway.webUrl, simulator.devices[0]?.devEui ?? "");
    const control = await connectControl({ endpoint: `unix://${socket}` });
    await control.call("policy.exposure", {});
    control.close();
    assert.equal(await gateway.end("SIGTERM"), 0, gateway.output());

    const loaded = await loadConfigHere({ path: join(folder, "edgekeep.toml") });
    assert.ok(loaded.ok);
    const code = codePaths(new URL("../../src/main.ts", import.meta.url));
    const grants = gatewayGrants(loaded.config, { codePaths: code });

    // the supervisor, in the same process, reads the configuration, looks beside it for what an interrupted edit left, and
    // resolves the paths of the code
    const own = [folder, join(folder, "edgekeep.toml"), ...code];
    const uses = (await Deno.readTextFile(audit)).trim().split("\n").map((line) => JSON.parse(line) as Use)
      .filter((use) => use.value !== null && !own.includes(pathOf(use)));
    const unused = grants.filter((grant) => !uses.some((use) => covers(grant, use)));
    assert.deepEqual(unused.map(({ kind, value }) => `${kind} ${value}`), unusedHere);
    const beyond = uses.filter((use) => !isModule(use) && !grants.some((grant) => covers(grant, use)))
      .map(({ permission, value }) => `${permission} ${value}`)
      .filter((text) => !refusedHere.some((known) => known.test(text)));
    assert.deepEqual([...new Set(beyond)], []);
  } finally {
    await gateway.end("SIGKILL");
    await simulator.stop();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the hub's permissions are those that a whole run uses, no more and no fewer", async () => {
  await using hub = await HubProcess.start("", (folder) => ({ DENO_AUDIT_PERMISSIONS: join(folder, "audit.jsonl") }));
  const { out } = await hub.cli("token", "create", "pumps", "--json");
  await hub.joinNode("pumps", JSON.parse(out).text);
  const token = await hub.token("viewer");
  for (const path of ["/", "/metrics", "/api/v1/status", "/api/v1/hub/nodes"]) {
    const answer = await fetch(`${hub.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    await answer.body?.cancel();
    assert.ok(answer.ok, path);
  }
  const socket = join(hub.folder, "data", "control.sock");
  const control = await connectControl({ endpoint: `unix://${socket}` });
  await control.call("policy.exposure", {});
  control.close();
  // as after a power cut: the hub asks whether somebody still answers there
  await hub.end("SIGKILL");
  await hub.run();
  assert.equal(await hub.end("SIGTERM"), 0, hub.output());

  const file = join(hub.folder, "edgekeep.toml");
  const loaded = await loadConfigHere({ path: file });
  assert.ok(loaded.ok);
  const code = codePaths(new URL("../../src/main.ts", import.meta.url));
  const grants = hubGrants(loaded.config, { codePaths: code });
  const own = [hub.folder, file, ...code];
  const uses = (await Deno.readTextFile(join(hub.folder, "audit.jsonl"))).trim().split("\n")
    .map((line) => JSON.parse(line) as Use)
    // the process gives up running programs at its start
    .filter((use) => use.value !== null && use.permission !== "run" && !own.includes(pathOf(use)));
  const unused = grants.filter((grant) => !uses.some((use) => covers(grant, use)));
  // packages of a gateway read files of theirs; the hub's do not
  assert.deepEqual(unused.map(({ value }) => value).filter((value) => !value.endsWith("/node_modules")), []);
  const beyond = uses.filter((use) => !isModule(use) && !grants.some((grant) => covers(grant, use)))
    .map(({ permission, value }) => `${permission} ${value}`);
  assert.deepEqual([...new Set(beyond)], []);
});

/** Lets clients ask for what a gateway serves: values, history, page, metrics. */
async function exercise(opcuaUrl: string, webUrl: string, devEui: string): Promise<void> {
  await using client = await startOpcUaClient();
  const id = await client.connect(opcuaUrl);
  const nodes = [`ns=2;s=${devEui}/Soil temperature`];
  await client.call("read", { id, nodes });
  await client.call("history", { id, nodes, startMs: 0, endMs: Date.now() });
  await client.call("close", { id });
  for (const path of ["/", "/metrics", "/api/v1/status", `/api/v1/tags?group=${devEui}`]) {
    const answer = await fetch(`${webUrl}${path}`);
    await answer.body?.cancel();
    assert.ok(answer.ok, path);
  }
}

function covers({ kind, value }: Grant, use: Use): boolean {
  if (kind !== use.permission || use.value === null) return false;
  if (kind !== "read" && kind !== "write") return use.value === value;
  const path = pathOf(use);
  return path === value || path.startsWith(`${value}/`);
}

function pathOf({ value }: Use): string {
  return value?.startsWith("file:") ? fileURLToPath(value) : value ?? "";
}

/** Modules are loaded by the runtime; `deno.json`, where the version stands, is one. */
function isModule({ permission, value }: Use): boolean {
  return permission === "read" && value?.startsWith("file:") === true;
}
