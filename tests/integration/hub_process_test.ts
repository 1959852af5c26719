import assert from "node:assert/strict";
import { join } from "node:path";
import { parseJoinToken } from "../../src/mesh/join_token.ts";
import { setupCodeIn } from "../lib/access_world.ts";
import { EventStreamReader } from "../lib/event_stream.ts";
import { hubConfig, HubProcess } from "../lib/hub_process.ts";
import { waitFor } from "../lib/wait_for.ts";

/** Asks the hub's web API as the holder of a token. */
function asker(hub: HubProcess, token: string | null) {
  return async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${hub.url}/api/v1${path}`, {
      method,
      headers: {
        "content-type": "application/json",
        ...token === null ? {} : { authorization: `Bearer ${token}` },
      },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    });
    // deno-lint-ignore no-explicit-any -- answers of every shape
    return { status: answer.status, body: await answer.json() as any };
  };
}

const rules = [{ id: "web", from: ["*"], to: ["group:plc"], protocol: "tcp", ports: [[443, 443]] }];

Deno.test("a hub's page begins with its set-up, and says that it is a hub", async () => {
  await using hub = await HubProcess.start();
  const ask = asker(hub, null);
  const { body: session } = await ask("GET", "/session");
  assert.deepEqual([session.state, session.service], ["unclaimed", "hub"]);
  const refused = await ask("GET", "/hub/nodes");
  assert.deepEqual([refused.status, refused.body.code], [403, "not_set_up"]);
  const code = await setupCodeIn(join(hub.folder, "data"));
  const claimed = await ask("POST", "/setup/claim", { code, user: "anna", password: "correct horse battery" });
  assert.equal(claimed.status, 200);
  const token = await hub.token("viewer");
  const status = await hub.status(token);
  assert.deepEqual([status.role, status.verdict, status.hub.nodes.active], ["hub", "ok", 0]);
  assert.match(status.hub.hubId, /^h_[0-9a-f]{32}$/);
  assert.equal(status.hub.listening, `https://127.0.0.1:${hub.ports.api}`);
  // node-opcua alone takes more
  assert.ok(status.process.rssBytes < 200 * 2 ** 20, `${status.process.rssBytes} bytes`);
});

Deno.test("a hub offers its own operations by role, and none of a gateway's", async () => {
  await using hub = await HubProcess.start();
  const [viewer, engineer, admin] = await Promise.all(["viewer", "engineer", "admin"].map((role) => hub.token(role)));
  const as = (token: string | undefined) => asker(hub, token ?? null);
  assert.equal((await as(viewer)("GET", "/hub/policy")).status, 200);
  assert.equal((await as(viewer)("PUT", "/hub/policy", { rules, version: 0 })).status, 403);
  assert.equal((await as(engineer)("POST", "/hub/tokens", { label: "x" })).status, 403);
  const { body: policy } = await as(viewer)("GET", "/hub/policy");
  const set = await as(engineer)("PUT", "/hub/policy", { rules, version: policy.version });
  assert.equal(set.status, 200, JSON.stringify(set.body));
  assert.equal(set.body.version, policy.version + 1);
  const again = await as(engineer)("PUT", "/hub/policy", { rules, version: policy.version });
  assert.deepEqual([again.status, again.body.code], [409, "conflict"]);

  const { body: document } = await as(viewer)("GET", "/openapi.json");
  const paths = Object.keys(document.paths);
  assert.ok(paths.includes("/api/v1/hub/nodes/{node}/rename"));
  assert.deepEqual(paths.filter((path) => /\/(tags|history|alarms|commands|devices|backups)(\/|$)/.test(path)), []);
  assert.equal((await as(admin)("GET", "/tags")).status, 404);
});

Deno.test("a gateway's operation is none of a hub's, and the refusal says so", async () => {
  await using hub = await HubProcess.start();
  const { connectControl, ControlRefusal } = await import("../../src/control/control_client.ts");
  const client = await connectControl({ endpoint: `unix://${join(hub.folder, "data", "control.sock")}` });
  try {
    const hello = await client.call("hello", {}) as { operations: string[] };
    assert.ok(hello.operations.includes("hub.node.remove"));
    assert.ok(!hello.operations.some((name) => /^(tags|alarms|commands|history|backup)\./.test(name)));
    await assert.rejects(client.call("tags.list", {}), (error: Error) => {
      assert.ok(error instanceof ControlRefusal);
      assert.equal(error.code, "unknown_operation");
      assert.match(error.message, /this is a hub/);
      return true;
    });
  } finally {
    client.close();
  }
});

Deno.test("a node joins with a token, is on every surface, and outlives a restart and a kill", async () => {
  await using hub = await HubProcess.start();
  const admin = await hub.token("admin");
  const ask = asker(hub, admin);
  const stream = new EventStreamReader(
    await fetch(`${hub.url}/api/v1/hub/stream?with=status,events`, { headers: { authorization: `Bearer ${admin}` } }),
  );
  assert.equal((await stream.next())?.event, "hello");
  assert.equal((await stream.until("status")).data.role, "hub");
  assert.deepEqual((await stream.until("mesh")).data.topics, ["nodes", "links", "policy", "tokens", "keys"]);

  const made = await ask("POST", "/hub/tokens", { label: "pump house", group: "plc", minutes: 5 });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  const token = parseJoinToken(made.body.text);
  assert.deepEqual([token.url, token.group], [`https://127.0.0.1:${hub.ports.api}`, "plc"]);
  let topics: string[] = [];
  while (!topics.includes("tokens")) topics = (await stream.until("mesh")).data.topics;
  const node = await hub.joinNode("pump-house", made.body.text);
  while (!topics.includes("nodes")) topics = (await stream.until("mesh")).data.topics;
  await stream.close();

  const { body: { nodes } } = await ask("GET", "/hub/nodes");
  assert.deepEqual(
    nodes.map(({ name, groups, state }: { name: string; groups: string[]; state: string }) => [
      name,
      groups,
      state,
    ]),
    [["pump-house", ["plc"], "active"]],
  );
  const renamed = await ask("POST", "/hub/nodes/pump-house/rename", { name: "pumps" });
  assert.equal(renamed.body.name, "pumps");
  const { body: plan } = await ask("POST", "/hub/policy/plan", { rules });
  assert.equal(plan.ok, true, JSON.stringify(plan));
  const { body: unknown } = await ask("POST", "/hub/policy/plan", {
    rules: [{ id: "x", from: ["nobody"], to: ["*"], protocol: "icmp" }],
  });
  assert.ok(unknown.findings.length > 0, "a name that nobody has is worth knowing");
  const { body: before } = await ask("GET", "/hub/keys");

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const code = await hub.end(signal);
    if (signal === "SIGTERM") assert.equal(code, 0, hub.output());
    await hub.run();
    const { body: found } = await ask("GET", "/hub/nodes");
    assert.deepEqual([found.nodes[0].name, found.nodes[0].nodeId], ["pumps", nodes[0].nodeId], signal);
    const { body: keys } = await ask("GET", "/hub/keys");
    assert.deepEqual(
      [keys.hubId, keys.signingKeySha256, keys.tlsSpki],
      [before.hubId, before.signingKeySha256, before.tlsSpki],
    );
    const { body: { tokens } } = await ask("GET", "/hub/tokens");
    assert.deepEqual(tokens.map(({ label, state }: { label: string; state: string }) => [label, state]), [[
      "pump house",
      "used",
    ]]);
  }
  const removed = await ask("POST", "/hub/nodes/pumps/remove");
  assert.equal(removed.body.state, "removed");
  assert.equal(nodes[0].nodeId, node.statementOf(1).node_id);
});

Deno.test("SIGHUP takes a changed configuration over: live what is live, with another worker what [hub] changes", async () => {
  await using hub = await HubProcess.start();
  const token = await hub.token("viewer");
  const site = (await hub.status(token)).site;
  assert.equal(site, "");
  const text = hubConfig(hub.ports);
  await hub.write(text.replace('name = "test hub"', 'name = "test hub"\nsite = "North"'));
  Deno.kill(hub.pid, "SIGHUP");
  await waitFor("the new site", async () => (await hub.status(token)).site === "North");
  const { started } = await hub.status(token);
  // psk and key_rotation_days are taken by another worker, and mesh_cidr never changes
  await hub.write(text.replace("[hub]", '[hub]\npsk = "hub"\nkey_rotation_days = 7'));
  Deno.kill(hub.pid, "SIGHUP");
  await waitFor("the new mode", async () => (await hub.status(token)).hub.pskMode === "hub");
  assert.notEqual((await hub.status(token)).started, started);
  await hub.write(text.replace("[hub]", '[hub]\nmesh_cidr = "10.200.0.0/16"'));
  Deno.kill(hub.pid, "SIGHUP");
  await waitFor("the refusal", () => /Cannot change \[hub\]\.mesh_cidr/.test(hub.output()));
  await waitFor("the hub with what it had", async () => (await hub.status(token)).hub.meshCidr === "10.100.0.0/16");
});

Deno.test("a port that is taken ends the start with 6 and names its key", async () => {
  await using hub = await HubProcess.start();
  const { edgekeep } = await import("../lib/hub_process.ts");
  const folder = await Deno.makeTempDir();
  try {
    const other = hubConfig({ ...hub.ports, web: 0 });
    await Deno.writeTextFile(join(folder, "edgekeep.toml"), other, { mode: 0o600 });
    const { code, err } = await edgekeep(["hub", "run", "--project", folder]);
    assert.equal(code, 6, err);
    assert.match(
      err,
      new RegExp(
        `Port ${
          hub.ports.observers[0]
        } of 127\\.0\\.0\\.1 \\(\\[hub\\]\\.observer_ports\\)|Port ${hub.ports.api} of 127\\.0\\.0\\.1 \\(\\[hub\\]\\.listen\\)`,
      ),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
