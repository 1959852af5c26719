import assert from "node:assert/strict";
import { join } from "node:path";
import { requires } from "../lib/requires.ts";
import { MeshWorld } from "./kit/mesh_world.ts";
import { TestAdmin } from "./kit/test_admin.ts";
import * as joining from "./threats/join_attacks.ts";
import type { Scene } from "./threats/scene.ts";
import * as secrets from "./threats/secret_attacks.ts";
import { withANodesKeys } from "./threats/stolen_node_attack.ts";
import * as stolenHub from "./threats/stolen_hub_attacks.ts";
import * as stranger from "./threats/stranger_attacks.ts";

const tools = requires("network-namespaces", "wireguard-go", "nft", "ping", "wg", "python3");

/** The name of a step that attacks a row of the table in docs/mesh-security.md. */
const attack = /"threat: ([\w \-()]+)"/g;

Deno.test({
  name: "Somebody in between, with stolen tokens, or on a node's machine",
  ...tools,
  async fn(t) {
    await using world = await MeshWorld.create({ mitm: true });
    const [a, b, quiet] = await world.joinAll(["a", "b", "quiet"]);
    assert.ok(a !== undefined && b !== undefined && quiet !== undefined);
    const scene: Scene = { world, a, b };
    await stranger.know(world.agents);
    // takes 90 s, in which the others go on
    const muted = await stranger.mute(scene, quiet);

    await t.step("threat: PSK a pair", () => secrets.onPresharedKeys(scene));
    await t.step("threat: Requests are signed", () => stranger.onRequests(scene));
    await t.step("threat: Answers carry no instructions", () => stranger.onAnswers(scene));
    await t.step("threat: NSK compromised", () => secrets.onSharedSecrets(scene));
    await t.step("threat: Unauthorized secret access (local)", () => secrets.asAnotherUser(scene));
    await t.step("threat: Keys made locally", () => joining.onLocalKeys(scene));
    await t.step("threat: Envelope", () => secrets.onEnvelopes(scene));
    await t.step("threat: MITM on SSE stream", async () => {
      await stranger.onTheStream(scene);
      await stranger.noticed(scene, muted);
    });
    await t.step("threat: Join token", () => joining.onJoinTokens(scene));
    await t.step("threat: Bootstrap token stolen", () => joining.withStolenToken(scene));
    await t.step("threat: MITM during registration", () => joining.duringRegistration(scene));
    await t.step("threat: Node compromised", () => withANodesKeys(scene));
  },
});

Deno.test({
  name: "Somebody with the hub's keys, where an admin co-signs",
  ...tools,
  async fn(t) {
    await using world = await MeshWorld.create({ mitm: true });
    const admin = await TestAdmin.appoint(world.hub, join(world.folder, "admin.key"));
    const [a, b] = [await world.join("a"), await world.join("b")];
    for (const agent of [a, b]) await admin.cosign(agent);
    await world.untilAllReach([a, b]);
    const scene: stolenHub.CosignedScene = { world, a, b, admin };
    const touch = { command: "touch /tmp/edgekeep-mesh-executed" };

    await t.step("threat: Co-signature", () => stolenHub.withoutCosignature(scene));
    await t.step("threat: Control plane compromised", () => stolenHub.withTheHub(scene));
    await t.step("threat: Signing key compromised", async () => {
      await stolenHub.withTheSigningKey(scene);
      await stolenHub.withAnOldKey(scene);
    });
    await t.step(
      "threat: Session token stolen",
      () =>
        stolenHub.withUnknownEvents([
          ["ssh_session_setup", { session_id: "s1", target_host: "127.0.0.1", target_port: 22, authorized_key: "k" }],
          ["session_revoked", { session_id: "s1" }],
        ])(scene),
    );
    await t.step(
      "threat: Unauthorized local action execution",
      () =>
        stolenHub.withUnknownEvents([["action_request", { execution_id: "e1", action: "sh", parameters: touch }]])(
          scene,
        ),
    );
  },
});

Deno.test("Each row of the threat table for users has an attack, and each attack has its row", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/mesh-security.md", import.meta.url));
  const rows = [...page.matchAll(/^\| \*\*(.+?)\*\* +\|.*\| `(\w+_test\.ts)` +\|$/gm)].map(([, row, file]) =>
    `${row} ${file}`
  );
  const attacks: string[] = [];
  for await (const { name } of Deno.readDir(new URL(".", import.meta.url))) {
    if (!name.endsWith("_test.ts")) continue;
    const source = await Deno.readTextFile(new URL(name, import.meta.url));
    attacks.push(...[...source.matchAll(attack)].map(([, row]) => `${row} ${name}`));
  }
  assert.deepEqual(rows.toSorted(), attacks.toSorted());
  assert.ok(rows.length >= 22);
});
