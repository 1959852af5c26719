import assert from "node:assert/strict";
import { fromBase64, toBase64 } from "../../../src/mesh/encoding.ts";
import { newSeed, signingKeyOf } from "../../../src/mesh/keys.ts";
import { canonicalText } from "../../../src/mesh/canonical.ts";
import { waitFor } from "../../lib/wait_for.ts";
import { type Attack, refusedWith, type Scene, unharmed, untilFollowing } from "./scene.ts";
import type { TestAgent } from "../kit/test_agent.ts";

/** An agent that hears nothing of its hub since a moment, though its connection is open. */
export interface Muted {
  readonly agent: TestAgent;
  /** Streams that it had opened until then. */
  readonly streams: number;
  /** When the last word was let through, `performance.now()`. */
  readonly sinceMs: number;
}

/** Silences an agent's stream; {@link noticed} looks later whether it saw that. */
export async function mute({ world }: Scene, agent: TestAgent): Promise<Muted> {
  const node = await agent.nodeId();
  await untilFollowing(agent);
  await world.mitm.tell({ do: "mute", node, on: true });
  return { agent, streams: world.mitm.streams(node).length, sinceMs: performance.now() };
}

/** A muted agent looks for another stream within 90 s. */
export async function noticed({ world }: Scene, { agent, streams, sinceMs }: Muted): Promise<void> {
  const node = await agent.nodeId();
  await waitFor("the muted agent to open another stream", () => world.mitm.streams(node).length > streams, {
    deadlineMs: 120_000,
  });
  const tookMs = performance.now() - sinceMs;
  await waitFor("the log", () => agent.output().includes("no tick for 90 s"));
  await world.mitm.tell({ do: "mute", node, on: false });
  await world.mitm.tell({ do: "cut", node });
  await untilFollowing(agent);
  console.log(`a muted stream was noticed within ${Math.round(tookMs / 1000)} s`);
}

/** Somebody who broke TLS, without the hub's signing key, changes what the hub says. */
export const onTheStream: Attack = async (scene) => {
  const { world: { mitm, hub }, a, b } = scene;
  const [nodeA, nodeB] = [await a.nodeId(), await b.nodeId()];
  await untilFollowing(a);
  await untilFollowing(b);
  const { position, hub: { following } } = await a.status();
  await unharmed(scene, async () => {
    const inject = (data: string) => mitm.tell({ do: "inject", node: nodeA, data });
    const heard = mitm.events(nodeA).at(-1) ?? "";
    const forB = mitm.events(nodeB).at(-1) ?? "";

    await refusedWith(a, "E_FORM", () => inject("not even JSON"));
    await refusedWith(a, "E_FORM", () => inject(heard.slice(0, heard.length / 2)));
    await refusedWith(a, "E_FORM", () => inject(heard.replace(`"audience"`, ` "audience"`)));
    await refusedWith(a, "E_FORM", () => inject(`{"typ":"ek.event",${heard.slice(1)}`));
    await refusedWith(a, "E_SIZE", () => inject(`{"typ":"${"x".repeat(4 * 1024 * 1024)}"}`));
    await refusedWith(a, "E_AUDIENCE", () => inject(forB));
    await refusedWith(a, "E_SIGNATURE", () => inject(changed(heard, { audience: nodeA, sequence: 1_000_000 })));
    await refusedWith(a, "E_SIGNATURE", () => inject(changed(forB, { audience: nodeA })));
    await refusedWith(a, "E_HUB", () => inject(changed(heard, { hub: `h_${"0".repeat(32)}` })));
    await refusedWith(a, "E_SIGNATURE", () => {
      const thief = signingKeyOf(newSeed());
      const { signature: _, ...members } = JSON.parse(heard);
      const signature = toBase64(thief.sign(Buffer.from(canonicalText(members))));
      return inject(canonicalText({ ...members, signature }));
    });
    await refusedWith(a, "E_NONCE", () => inject(heard));

    const streams = mitm.streams(nodeA).length;
    await mitm.tell({ do: "cut", node: nodeA });
    await waitFor("another stream", () => mitm.streams(nodeA).length > streams);
    await untilFollowing(a);
    await refusedWith(a, "E_REPLY", () => inject(heard));
    await refusedWith(a, "E_KEY", () => inject(changed(mitm.events(nodeA).at(-1) ?? "", { key_index: 7 })));
    await untilFollowing(a);
  });

  // the state, too: one from before, a cut one, one that was changed
  const state = mitm.states(nodeA).at(-1) ?? "";
  const { mesh_ip: _, ...rest } = JSON.parse(state).payload;
  const states: readonly (readonly [string, string])[] = [
    ["E_REPLY", state],
    ["E_FORM", state.slice(0, -100)],
    ["E_FORM", ` ${state}`],
    ["E_SIGNATURE", changed(state, { payload: { ...rest, mesh_ip: "10.100.0.99" } })],
  ];
  await unharmed(scene, async () => {
    await mitm.tell({ do: "state", text: states[0]?.[1] ?? "" });
    // what is missing now makes the agent ask for its state, again and again
    await mitm.tell({ do: "mute", node: nodeA, on: true });
    // ticks come at any time
    const changes = () => mitm.events(nodeA).filter((text) => JSON.parse(text).event_type !== "tick").length;
    const swallowed = changes();
    const rename = () => hub.call("hub.node.rename", { node: nodeB, name: `b-${crypto.randomUUID().slice(0, 8)}` });
    await rename();
    await waitFor("the event to be swallowed", () => changes() > swallowed);
    await mitm.tell({ do: "mute", node: nodeA, on: false });
    await rename();
    for (const [code, text] of states) {
      await refusedWith(a, code, () => mitm.tell({ do: "state", text }));
    }
    await mitm.tell({ do: "state", text: null });
    await untilFollowing(a);
  });
  const after = await a.status();
  assert.equal(after.position.epoch, position.epoch);
  assert.ok(after.hub.following.refused >= following.refused + 16);
  assert.ok((await a.peers()).every(({ state }) => state === "up" || state === "idle"));
  assert.deepEqual((await a.peers()).map(({ nodeId }) => nodeId).sort(), [nodeB, ...othersOf(scene)].sort());

  function othersOf({ world }: Scene): string[] {
    return world.agents.flatMap((agent) => agent === a || agent === b ? [] : [ids.get(agent) ?? ""]);
  }
};

const ids = new Map<TestAgent, string>();

/** Notes whose id is whose, for what compares lists of peers. */
export async function know(agents: readonly TestAgent[]): Promise<void> {
  for (const agent of agents) ids.set(agent, await agent.nodeId());
}

/** Requests of a node that somebody caught: played again, changed, sent elsewhere, or without a signature. */
export const onRequests: Attack = async ({ world: { mitm }, a, b }) => {
  const [nodeA, nodeB] = [await a.nodeId(), await b.nodeId()];
  const caught = await waitFor("a heartbeat", () => mitm.requests("POST", new RegExp(`${nodeA}/heartbeat$`)).at(-1), {
    deadlineMs: 40_000,
  });
  const { method, path } = caught;
  const headers = {
    "content-type": "application/json",
    ...caught.encoding === null ? {} : { "content-encoding": caught.encoding },
  };
  const authorization = caught.authorization ?? "";
  const send = async (change: Partial<Parameters<typeof mitm.send>[0]>) => {
    const { status, text } = await mitm.send({
      method,
      path,
      headers: { ...headers, authorization },
      body: caught.body,
      ...change,
    });
    return `${status} ${JSON.parse(text || "{}").code}`;
  };
  assert.equal(await send({}), "401 request_replayed");
  const other = toBase64(Buffer.from(JSON.stringify({ changed: true })));
  assert.match(await send({ body: other, headers: { ...headers, authorization } }), /^401 /);
  assert.match(await send({ path: path.replace("heartbeat", "deregister") }), /^401 /);
  assert.match(await send({ path: path.replace(nodeA, nodeB) }), /^401 /);
  assert.match(await send({ headers }), /^401 not_signed/);
  assert.match(await send({ headers: { ...headers, authorization: `Bearer ${authorization.slice(12)}` } }), /^401 /);
  const [head = "", claims = "", signature = ""] = authorization.replace("EdgekeepSig ", "").split(".");
  const late = JSON.parse(Buffer.from(claims, "base64url").toString());
  const later = Buffer.from(JSON.stringify({ ...late, iat: late.iat + 30, exp: late.exp + 30 })).toString("base64url");
  assert.match(
    await send({ headers: { ...headers, authorization: `EdgekeepSig ${head}.${later}.${signature}` } }),
    /^401 /,
  );
  const none = Buffer.from(`{"alg":"none","typ":"ek-request+jwt"}`).toString("base64url");
  assert.match(await send({ headers: { ...headers, authorization: `EdgekeepSig ${none}.${later}.` } }), /^401 /);
};

/** Answers that look like orders. */
export const onAnswers: Attack = async (scene) => {
  const { world: { mitm }, a } = scene;
  const nodeA = await a.nodeId();
  const path = `/v1/nodes/${nodeA}/heartbeat`;
  const before = await a.status();
  const order = JSON.stringify({
    reconcile: true,
    rotate_keys: true,
    peers: [],
    signing_public_key: toBase64(signingKeyOf(newSeed()).publicKey),
  });
  await unharmed(scene, async () => {
    await mitm.tell({ do: "answer", path, text: order });
    try {
      const beats = () => mitm.requests("POST", new RegExp(`${nodeA}/heartbeat$`)).length;
      const seen = beats();
      // a new stream begins with one
      await mitm.tell({ do: "cut", node: nodeA });
      await waitFor("a heartbeat that was answered so", () => beats() > seen, { deadlineMs: 60_000 });
      // the one after it shows that the agent goes on
      await waitFor("the agent to go on", async () => (await a.status()).hub.following.connected);
    } finally {
      await mitm.tell({ do: "answer", path, text: null });
    }
  });
  const after = await a.status();
  assert.equal(after.tunnel.generation, before.tunnel.generation);
  assert.equal(after.tunnel.rotating, false);
  assert.equal(after.hub.keySha256, before.hub.keySha256);
};

/** An envelope with other members, still without a signature that fits. */
function changed(text: string, members: Readonly<Record<string, unknown>>): string {
  return canonicalText({ ...JSON.parse(text), ...members });
}

/** Bytes of a base64 text, for those who search for them. */
export function bytesOf(text: string): Uint8Array {
  return fromBase64(text);
}
