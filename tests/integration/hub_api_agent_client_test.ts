import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { HubClient } from "../../src/agent/hub_client/hub_client.ts";
import { HubClock } from "../../src/agent/hub_client/hub_clock.ts";
import { HubRequestError } from "../../src/agent/hub_client/hub_requests.ts";
import { sha256Hex } from "../../src/mesh/encoding.ts";
import { openEnvelope } from "../../src/mesh/envelope.ts";
import { HubApiWorld, hubCertificate } from "../lib/hub_api_world.ts";
import { hub, hubKey } from "../lib/mesh_keys.ts";
import type { TestNode } from "../lib/memory_hub_core.ts";

const keyOf = (index: number) => index === 0 ? hubKey.publicKey : null;

/** The agent's own client, before the hub's own API. */
async function clientOf(world: HubApiWorld, { nodeId, key }: TestNode): Promise<HubClient> {
  const { cert } = await hubCertificate();
  const spki = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
  const pins = [sha256Hex(spki)];
  const url = `https://127.0.0.1:${world.api.port}`;
  return new HubClient({ url, hub, nodeId, identity: key, pins: () => pins, keyOf, clock: new HubClock() });
}

Deno.test("the agent's client and the hub's API understand each other, by a hub time that is a day off", async () => {
  await using world = await HubApiWorld.start();
  world.clock.offsetUs = 86_400_000_000;
  const [node, peer] = [world.core.addNode(), world.core.addNode()];
  const { nodeId } = node;
  const client = await clientOf(world, node);
  try {
    const state = await client.state();
    assert.equal(state.event.type, "node_state");
    await client.heartbeat({
      epoch: 1,
      sequence: 0,
      status: "ok",
      uptime_s: 1,
      version: "0.1.0",
      binary_sha256: "1".repeat(64),
      peers: [],
    });
    await client.endpoints({ endpoints: [{ kind: "lan", address: "192.168.1.2:51820" }] });
    await client.mail(peer.nodeId, '{"a":"b"}');
    assert.deepEqual(await client.hubKeys(), { links: [], recoveries: [] });
    await assert.rejects(client.statement("0".repeat(64)), (error) => {
      return error instanceof HubRequestError && error.problem === "statement_unknown" && error.status === 404;
    });
    assert.equal(world.core.calls.length, 3, world.core.calls.join("\n"));

    const abort = new AbortController();
    const stream = await client.events({ epoch: 1, sequence: 0 }, abort.signal);
    const types: string[] = [];
    world.core.emit(nodeId, "rotate_keys", {});
    for await (const text of stream.texts) {
      const { event } = openEnvelope(text, { hub, audience: nodeId, keyOf, replyTo: stream.nonce });
      types.push(event.type);
      if (types.length === 2) break;
    }
    assert.deepEqual(types, ["tick", "rotate_keys"]);
    stream.close();
    await client.deregister();
    await assert.rejects(client.state(), (error) => {
      return error instanceof HubRequestError && error.problem === "node_removed" && !error.transient;
    });
  } finally {
    client.stop();
  }
});
