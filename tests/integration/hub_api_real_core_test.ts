import assert from "node:assert/strict";
import fc from "fast-check";
import { apiPaths } from "../../src/mesh/api_messages.ts";
import type { HubRule } from "../../src/mesh/hub_admin.ts";
import { sha256Hex } from "../../src/mesh/encoding.ts";
import type { SeenStream } from "../lib/hub_api_client.ts";
import { type JoinedNode, RealHubWorld } from "../lib/real_hub_world.ts";
import { waitFor } from "../lib/wait_for.ts";

const rule = (port: number): HubRule => ({
  id: "rule-1",
  from: ["*"],
  to: ["*"],
  protocol: "tcp",
  ports: [[port, port]],
  log: false,
  comment: "",
});

/** One node's side of its stream: what it has, and the stream that it has it from. */
class Follower {
  readonly sequences: number[] = [];
  #stream: SeenStream | null = null;
  #taken = 0;

  constructor(readonly world: RealHubWorld, readonly node: JoinedNode, public position = node.position) {}

  async open(): Promise<void> {
    this.close();
    this.#stream = await this.world.client.stream(this.node, this.position);
    this.#taken = 0;
  }

  /** Takes what came; the connection breaks. */
  close(): void {
    this.#stream?.close();
    this.take();
    this.#stream = null;
  }

  take(): number {
    const events = this.#stream?.events ?? [];
    for (const { sequence, id } of events.slice(this.#taken)) {
      this.sequences.push(sequence);
      this.position = id ?? this.position;
    }
    this.#taken = events.length;
    assert.ok(!(this.#stream?.messages.some(({ type }) => type === "node_state")), "so few events need no state");
    return Number(this.position.split("-")[1]);
  }
}

Deno.test("over broken connections and restarts of the hub, a stream misses nothing and brings nothing twice", async () => {
  await using world = await RealHubWorld.start();
  const node = await world.join("node");
  const first = Number(node.position.split("-")[1]);
  const follower = new Follower(world, node);
  let port = 1_000;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("policy", "policy", "policy", "break", "restart", "wait"), {
        minLength: 1,
        maxLength: 12,
      }),
      async (steps) => {
        await follower.open();
        for (const step of steps) {
          if (step === "policy") {
            const { version } = world.hub.admin.policy();
            world.hub.admin.setPolicy([rule(++port)], version, "test");
          } else if (step === "break") await follower.open();
          else if (step === "restart") {
            await world.stop();
            follower.close();
            await world.startAgain();
            await follower.open();
          } else await new Promise((resolve) => setTimeout(resolve, 2));
        }
        const newest = world.hub.core.position(node.nodeId).sequence;
        await waitFor("the newest event", () => follower.take() === newest, { everyMs: 2 });
      },
    ),
    { numRuns: 15 },
  );
  follower.close();
  const newest = world.hub.core.position(node.nodeId).sequence;
  assert.ok(newest > first);
  assert.deepEqual(follower.sequences, Array.from({ length: newest - first }, (_, index) => first + 1 + index));
});

Deno.test("a request that was used is refused after a restart of the hub, too", async () => {
  await using world = await RealHubWorld.start();
  const node = await world.join("node");
  const path = apiPaths.state(node.nodeId);
  const { header = "" } = await world.client.authorization("GET", path, { as: node });
  const ask = () => world.client.ask("GET", path, { authorization: header });
  assert.equal((await ask()).status, 200);
  assert.equal((await ask()).code, "request_replayed");
  await world.stop();
  await world.startAgain();
  assert.equal((await ask()).code, "request_replayed");
});

Deno.test("a removed node's stream ends at once, the others are told, and it is heard no more", async () => {
  await using world = await RealHubWorld.start();
  const [node, peer] = [await world.join("node"), await world.join("peer")];
  using stream = await world.client.stream(node, node.position);
  using other = await world.client.stream(peer, peer.position);
  await Promise.all([stream.until(1), other.until(1)]);
  await waitFor("presence", () => world.hub.admin.status().nodes.online === 2);
  world.hub.admin.remove("node", "test");
  await waitFor("the end of the stream", () => stream.ended, { deadlineMs: 10_000 });
  await waitFor("the news", () => other.events.some(({ type }) => type === "peer_removed"));
  const { status, code } = await world.client.ask("GET", apiPaths.state(node.nodeId), { as: node });
  assert.deepEqual([status, code], [401, "node_removed"]);
});

Deno.test("keys and statements are told as texts that prove themselves, and what the core refuses keeps its code", async () => {
  await using world = await RealHubWorld.start();
  const [node, peer] = [await world.join("node"), await world.join("peer")];
  world.hub.admin.rotateSigningKey("test");
  const keys = JSON.parse((await world.client.ask("GET", apiPaths.hubKeys)).text);
  assert.deepEqual([keys.links.length, keys.recoveries.length], [1, 0]);
  assert.equal(JSON.parse(keys.links[0]).typ, "ek.keylink");

  const state = JSON.parse((await world.client.ask("GET", apiPaths.state(node.nodeId), { as: node })).text);
  const [{ node_id, statement_sha256 }] = state.payload.peers;
  assert.equal(node_id, peer.nodeId);
  const statement = await world.client.ask("GET", apiPaths.statement(statement_sha256), { as: node });
  assert.equal(sha256Hex(statement.text), statement_sha256);

  const ask = async (path: string, body: unknown) => {
    const { status, code } = await world.client.ask("POST", path, { as: node, body: JSON.stringify(body) });
    return [status, code];
  };
  const [mailStatus, mailCode] = await ask(apiPaths.mail(peer.nodeId), { message: "{}" });
  assert.ok(Number(mailStatus) >= 400 && Number(mailStatus) < 500 && mailCode !== null, `${mailStatus} ${mailCode}`);
  const [rotateStatus, rotateCode] = await ask(apiPaths.rotate, { statement: statement.text });
  assert.ok(Number(rotateStatus) >= 400 && Number(rotateStatus) < 500 && rotateCode !== null, `${rotateStatus}`);
});
