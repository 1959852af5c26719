import assert from "node:assert/strict";
import { join } from "node:path";
import type { Command } from "commander";
import { hubInitCommand } from "../../src/cli/hub/init.ts";
import { hubKeysCommand } from "../../src/cli/hub/keys.ts";
import { hubNodeCommand } from "../../src/cli/hub/node.ts";
import { hubPolicyCommand } from "../../src/cli/hub/policy.ts";
import { hubRecoverCommand } from "../../src/cli/hub/recover.ts";
import { hubTokenCommand } from "../../src/cli/hub/token.ts";
import { permissionsCommand } from "../../src/cli/permissions.ts";
import { validateCommand } from "../../src/cli/validate.ts";
import { parseJoinToken } from "../../src/mesh/join_token.ts";
import { collectOutput } from "../lib/collect_output.ts";
import { edgekeepArguments } from "../lib/gateway_process.ts";
import { HubApiClient } from "../lib/hub_api_client.ts";
import { edgekeep, expiryOf, HubProcess } from "../lib/hub_process.ts";
import { runCommand } from "../lib/run_command.ts";
import { waitFor } from "../lib/wait_for.ts";

const context = {
  gatewayEntry: new URL("file:///gateway.ts"),
  hubEntry: new URL("file:///hub.ts"),
  agentEntry: new URL("file:///agent.ts"),
  simulatorEntry: new URL("file:///simulator.ts"),
  opcuaPkiEntry: new URL("file:///opcua_pki.ts"),
  codePaths: ["/opt/edgekeep"],
};

/** Runs a command with the hub's configuration; it must succeed unless another code is expected. */
async function cli(hub: HubProcess, command: Command, args: readonly string[], code = 0): Promise<string> {
  const result = await runCommand(command, ...args, "--project", hub.folder);
  assert.equal(result.code, code, `${args.join(" ")}: ${result.err}`);
  return result.code === 0 ? result.out : result.err + result.out;
}

Deno.test("hub init writes a configuration that is judged as a hub's, and keeps one that is there", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const args = [folder, "--url", "https://hub.plant.example"];
    const made = await runCommand(hubInitCommand(), ...args);
    assert.equal(made.code, 0, made.err);
    const file = join(folder, "edgekeep.toml");
    const text = await Deno.readTextFile(file);
    assert.match(text, /^url = "https:\/\/hub\.plant\.example:443"$/m);
    assert.doesNotMatch(text, /\[opcua\]|\[chirpstack\]/);
    assert.equal((await runCommand(hubInitCommand(), ...args)).code, 6);
    assert.equal((await runCommand(hubInitCommand(), ...args, "--force")).code, 0);
    assert.equal((await runCommand(hubInitCommand(), folder, "--url", "http://hub.plant.example", "--force")).code, 1);

    const judged = await runCommand(validateCommand(), "--exposure", "--json", "--config", file);
    assert.equal(judged.code, 0, judged.out);
    const { exposures, firewall, findings } = JSON.parse(judged.out);
    assert.deepEqual(exposures.map(({ listener }: { listener: string }) => listener), [
      "hub",
      "observer",
      "observer",
      "relay",
      "web",
      "control",
    ]);
    assert.ok(firewall.nftables.some((line: string) => line.includes("udp dport 51900-52411")));
    assert.deepEqual(findings, []);
    const permissions = await runCommand(permissionsCommand(context), "--json", "--config", file);
    assert.equal(permissions.code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("join tokens are made, listed and revoked on the command line", async () => {
  await using hub = await HubProcess.start();
  const made = JSON.parse(
    await cli(hub, hubTokenCommand(), [
      "create",
      "line 3",
      "--group",
      "plc",
      "--uses",
      "2",
      "--minutes",
      "30",
      "--json",
    ]),
  );
  const token = parseJoinToken(made.text);
  assert.equal(token.group, "plc");
  assert.ok(Math.abs(expiryOf(made.text) - (Date.now() + 1_800_000) * 1000) < 60_000_000);
  const shown = await cli(hub, hubTokenCommand(), ["create", "plain"]);
  assert.match(shown, /^ekj1\.[\w-]+\.[0-9a-f]{8}\n\nShown this once\. 'plain'/);
  assert.equal(parseJoinToken(shown.split("\n")[0] ?? "").group, "nodes");
  assert.match(await cli(hub, hubTokenCommand(), ["list"]), /open +2 of 2 +plc .* line 3\n/);
  assert.doesNotMatch(await cli(hub, hubTokenCommand(), ["list", "--json"]), /ekj1/);
  await cli(hub, hubTokenCommand(), ["revoke", made.token.id]);
  assert.match(await cli(hub, hubTokenCommand(), ["list"]), /revoked .* line 3\n/);
  await cli(hub, hubTokenCommand(), ["revoke", "nothing"], 1);
  await cli(hub, hubTokenCommand(), ["create", "x", "--uses", "101"], 1);
});

Deno.test("a stopped hub is said to be unreachable", async () => {
  await using hub = await HubProcess.start();
  await hub.end();
  const { code, err } = await hub.cli("node", "list");
  assert.equal(code, 5);
  assert.match(err, /This needs a hub that runs/);
});

Deno.test("nodes are listed, shown, renamed, grouped and removed; the policy is planned, set and explained", async () => {
  await using hub = await HubProcess.start();
  const tokenOf = async (label: string) =>
    JSON.parse(await cli(hub, hubTokenCommand(), ["create", label, "--json"])).text as string;
  for (const name of ["pump-house", "scada-1"]) await hub.joinNode(name, await tokenOf(name));
  const nodes = () => cli(hub, hubNodeCommand(), ["list"]);
  assert.match(await nodes(), /pump-house +offline +10\.100\.0\.\d+ +nodes /);
  await cli(hub, hubNodeCommand(), ["groups", "pump-house", "plc", "north"]);
  assert.match(await nodes(), /pump-house .* plc north |pump-house .* north plc /);
  await cli(hub, hubNodeCommand(), ["rename", "pump-house", "pumps"]);
  assert.match(await cli(hub, hubNodeCommand(), ["show", "pumps"]), /Node +pumps \(n_[0-9a-f]{32}\)/);
  await cli(hub, hubNodeCommand(), ["rotate"], 2);

  const file = join(hub.folder, "policy.toml");
  const policy = (rules: string) => Deno.writeTextFile(file, rules);
  await policy(`[[rule]]\nid = "opcua"\nfrom = "scada-1"\nto = "group:plc"\nprotocol = "tcp"\nports = [4840]\n`);
  const plan = await cli(hub, hubPolicyCommand(), ["plan", file]);
  assert.match(plan, /scada-1 → pumps +\+tcp\/4840/);
  assert.match(await cli(hub, hubPolicyCommand(), ["explain", "scada-1", "pumps", "4840"], 4), /may not reach/);
  assert.match(await cli(hub, hubPolicyCommand(), ["set", file]), /In force: version \d+/);
  assert.match(await cli(hub, hubPolicyCommand(), ["explain", "scada-1", "pumps", "tcp/4840"]), /opcua: tcp\/4840/);
  assert.match(await cli(hub, hubPolicyCommand(), ["explain", "pumps", "scada-1"], 4), /may not reach/);
  await cli(hub, hubPolicyCommand(), ["explain", "pumps", "scada-1", "http"], 2);

  const shown = await cli(hub, hubPolicyCommand(), ["show"]);
  await policy(shown);
  assert.match(await cli(hub, hubPolicyCommand(), ["plan", file]), /opens and closes nothing/);
  await cli(hub, hubPolicyCommand(), ["set", file]);
  // the file still names the version before
  await policy(shown.replace("4840", "4841"));
  await cli(hub, hubPolicyCommand(), ["set", file], 1);
  await policy("rules = 3\n");
  await cli(hub, hubPolicyCommand(), ["set", file], 3);

  await cli(hub, hubNodeCommand(), ["remove", "pumps"]);
  assert.doesNotMatch(await nodes(), /pumps/);
  assert.match(await cli(hub, hubNodeCommand(), ["list", "--all"]), /pumps +removed/);
});

Deno.test("an admin key co-signs, revokes and recovers; without one a hub recovers unsigned alone", async () => {
  await using hub = await HubProcess.start();
  const keys = async () => JSON.parse(await cli(hub, hubKeysCommand(), ["show", "--json"]));
  const first = await keys();
  const rotated = JSON.parse(await cli(hub, hubKeysCommand(), ["rotate", "--json"]));
  assert.deepEqual([rotated.hubId, rotated.keyIndex], [first.hubId, first.keyIndex + 1]);
  assert.notEqual(rotated.signingKeySha256, first.signingKeySha256);
  const pinned = JSON.parse(await cli(hub, hubKeysCommand(), ["rotate-tls", "--json"]));
  assert.deepEqual([pinned.tlsSpki.length, pinned.tlsSpki[0]], [2, first.tlsSpki[0]]);

  const unsigned = JSON.parse(await cli(hub, hubRecoverCommand(), ["--unsigned", "--json"]));
  assert.equal(unsigned.epoch, first.epoch + 1);
  await cli(hub, hubRecoverCommand(), [], 2);

  const file = join(hub.folder, "admin.key");
  assert.equal((await runCommand(hubKeysCommand(), "admin-new", file)).code, 0);
  assert.equal((await runCommand(hubKeysCommand(), "admin-new", file)).code, 6);
  await cli(hub, hubKeysCommand(), ["set-admin", "--admin-key", file]);
  assert.match((await keys()).adminKeySha256, /^[0-9a-f]{64}$/);
  const join_token = JSON.parse(await cli(hub, hubTokenCommand(), ["create", "a", "--json"])).text;
  assert.equal(parseJoinToken(join_token).cosign, true);
  await hub.joinNode("pumps", join_token);
  assert.match(await cli(hub, hubKeysCommand(), ["requests"]), /^NAME.*\npumps /);
  // as from the machine with the admin key, where the hub's socket is brought over by ssh
  const far = ["--endpoint", `unix://${join(hub.folder, "data", "control.sock")}`];
  const asked = await runCommand(hubKeysCommand(), "requests", ...far);
  assert.match(asked.out, /^NAME.*\npumps /, asked.err);
  const nobody = await runCommand(hubKeysCommand(), "requests", "--endpoint", "unix:///nonexistent.sock");
  assert.equal(nobody.code, 5, nobody.err);
  await cli(hub, hubKeysCommand(), ["cosign", "pumps", "--admin-key", file, "--node-fingerprint", "0000"], 6);
  await cli(hub, hubKeysCommand(), ["cosign", "pumps", "--admin-key", file]);
  const cosigned = async () => JSON.parse(await cli(hub, hubNodeCommand(), ["show", "pumps", "--json"])).cosigned;
  assert.equal(await cosigned(), true);
  await cli(hub, hubKeysCommand(), ["revoke", "pumps", "--admin-key", file]);
  assert.equal(await cosigned(), false);
  // a key that revoked a node does not co-sign it again by mistake
  assert.match(await cli(hub, hubKeysCommand(), ["cosign", "pumps", "--admin-key", file], 6), /has revoked/);

  await cli(hub, hubRecoverCommand(), ["--unsigned"], 1);
  const recovered = JSON.parse(await cli(hub, hubRecoverCommand(), ["--admin-key", file, "--json"]));
  assert.deepEqual([recovered.epoch, recovered.hubId], [unsigned.epoch + 1, first.hubId]);
  const other = join(hub.folder, "other.key");
  await runCommand(hubKeysCommand(), "admin-new", other);
  await cli(hub, hubRecoverCommand(), ["--admin-key", other], 2);
});

Deno.test("the program itself knows the hub's commands", async () => {
  const help = await edgekeep(["hub", "--help"]);
  assert.equal(help.code, 0, help.err);
  for (const name of ["init", "run", "token", "node", "policy", "keys", "recover"]) {
    assert.match(help.out, new RegExp(`^  ${name}\\b`, "m"));
  }
  assert.equal((await edgekeep(["hub", "run", "--config", "/nonexistent.toml"])).code, 3);
});

Deno.test("agent join says that it waits, behind ten others of its address, and gets in", async () => {
  await using hub = await HubProcess.start();
  const { text } = JSON.parse(await cli(hub, hubTokenCommand(), ["create", "a", "--json"]));
  const others = new HubApiClient(hub.ports.api);
  const another = async () => (await others.ask("POST", "/v1/register", { body: "{}" })).status;
  for (let count = 0; count < 10; count++) assert.notEqual(await another(), 429);
  const file = join(hub.folder, "agent.toml");
  await Deno.writeTextFile(file, `[agent]\ndir = "${join(hub.folder, "agent")}"\n`, { mode: 0o600 });
  await Deno.writeTextFile(join(hub.folder, "token"), text, { mode: 0o600 });
  await using child = new Deno.Command(Deno.execPath(), {
    args: edgekeepArguments("agent", "join", "--config", file, "--token-file", join(hub.folder, "token")),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = collectOutput(child);
  // the others take each turn that comes until it has started and asked
  await waitFor("the join to wait", async () => {
    await another();
    return /^The hub takes no more machines from this address for the moment: next try in \d s$/m.test(output.text());
  }, { everyMs: 100 });
  await output.ended;
  assert.equal((await child.status).code, 0, output.text());
  const meshIp = /^ {2}Address +(\S+) in /m.exec(output.text())?.[1] ?? "no address";
  assert.ok((await cli(hub, hubNodeCommand(), ["list"])).includes(meshIp), output.text());
});
