import assert from "node:assert/strict";
import { refusalTexts } from "../../../src/agent/peers/refusal.ts";
import { meshTime, newNonce, sha256Hex, toBase64 } from "../../../src/mesh/encoding.ts";
import { nodeIdOf } from "../../../src/mesh/ids.ts";
import { kemKeyOf } from "../../../src/mesh/kem.ts";
import { newSeed, signingKeyOf, wireGuardKeyOf } from "../../../src/mesh/keys.ts";
import { sealObject } from "../../../src/mesh/signed_object.ts";
import type { StatePeer } from "../../../src/mesh/state.ts";
import { canonicalText } from "../../../src/mesh/canonical.ts";
import { sealStatement } from "../../../src/mesh/statements.ts";
import { waitFor } from "../../lib/wait_for.ts";
import { PingWatch } from "../kit/ping_watch.ts";
import type { TestAdmin } from "../kit/test_admin.ts";
import type { TestAgent } from "../kit/test_agent.ts";
import { Thief } from "../kit/thief.ts";
import { type Attack, refusedWith, type Scene, unharmed, untilFollowing } from "./scene.ts";

/** Two agents that take co-signed peers alone, and whoever co-signs. */
export interface CosignedScene extends Scene {
  readonly admin: TestAdmin;
}

/** After a thief spoke to one of the agents: a recovery that the admin signed gives them their hub back. */
async function recovered({ world, admin, a, b }: CosignedScene): Promise<void> {
  await admin.recover();
  for (const agent of [a, b]) await untilFollowing(agent);
  await world.untilAllReach([a, b]);
}

/** A node that the thief made up. */
async function invented(hub: Parameters<typeof sealStatement>[0]) {
  const identity = signingKeyOf(newSeed());
  const kem = await kemKeyOf(newSeed(64));
  const members = {
    generation: 1,
    issued_at: meshTime(Date.now() * 1000),
    wireguard_key: toBase64(wireGuardKeyOf(newSeed()).publicKey),
    kem_key: toBase64(kem.publicKey),
  };
  return { identity, members, nodeId: nodeIdOf(identity.publicKey), text: sealStatement(hub, members, identity) };
}

async function problemOf(agent: TestAgent, nodeId: string): Promise<string | null> {
  const text = (await agent.peers()).find((peer) => peer.nodeId === nodeId)?.problem ?? null;
  return Object.entries(refusalTexts).find(([, words]) => words === text)?.[0] ?? text;
}

async function untilRefused(agent: TestAgent, nodeId: string, reason: string): Promise<void> {
  await waitFor(
    `${nodeId} to be refused: ${reason}`,
    async () =>
      (await agent.audit()).some(({ event, target, outcome }) =>
        event === "peer_refused" && target === nodeId && outcome === reason
      ),
  ).catch(async (error: unknown) => {
    const said = [await agent.peers(), (await agent.audit()).slice(-8)].map((part) => JSON.stringify(part, null, 1));
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said.join("\n")}\n${agent.output()}`);
  });
}

/** What the tunnel lets whom send: public keys and addresses. */
async function tunnelOf(agent: TestAgent): Promise<string[]> {
  return (await agent.wireGuard()).map(([key, psk, , ip]) => `${key} ${psk} ${ip}`)
    .sort();
}

/** What an agent was told is done after it was judged. */
async function untilTunnelIs(agent: TestAgent, lines: readonly string[]): Promise<void> {
  await waitFor("the tunnel to be as before", async () => {
    assert.deepEqual(await tunnelOf(agent), lines);
    return true;
  });
}

/** All keys of the hub: peers that nobody co-signed, swapped keys, wrong addresses, weaker keys. */
export const withTheHub: Attack<CosignedScene> = async (scene) => {
  const { world: { mitm }, a, b, admin } = scene;
  const before = await tunnelOf(a);
  assert.equal(before.length, 1);
  const nodeB = await b.nodeId();
  {
    await using thief = await Thief.takeOver(scene.world, a);
    const { stolen } = thief;
    const state = await thief.state();
    const [real] = state.peers.filter(({ node_id }) => node_id === nodeB);
    assert.ok(real !== undefined);
    const own = await invented(stolen.hub);
    await mitm.tell({ do: "answer", path: `/v1/statements/${sha256Hex(own.text)}`, text: own.text });
    const rogue: StatePeer = {
      ...{ endpoints: [], mesh_ip: "10.100.0.77", name: "rogue", node_id: own.nodeId, psk_hub: toBase64(newSeed()) },
      ...{ psk_hub_id: 0, statement_sha256: sha256Hex(own.text) },
    };
    const say = (peer: StatePeer) => thief.event("peer_added", { peer });

    await using watch = await PingWatch.start(a.machine, await b.meshIp());
    // a peer that nobody co-signed, one with a co-signature of another key, and one with another node's
    await say(rogue);
    await untilRefused(a, own.nodeId, "not_cosigned");
    const forged = sealObject("ek.cosign", stolen.hub, {
      ...{ node_id: own.nodeId, mesh_ip: rogue.mesh_ip, serial: 99, not_after: "2099-01-01T00:00:00Z" },
    }, stolen.key);
    await say({ ...rogue, cosign: forged });
    await untilRefused(a, own.nodeId, "cosign_invalid");
    await say({ ...rogue, cosign: real.cosign ?? "" });
    assert.equal(await problemOf(a, own.nodeId), "cosign_invalid");

    // the keys of a co-signed one: another node's statement, a made-up one, one without ML-KEM
    await say({ ...real, statement_sha256: sha256Hex(own.text) });
    await untilRefused(a, nodeB, "statement_of_other");
    const { kem_key: _, ...stripped } = own.members;
    const swapped = { ...stripped, node_id: nodeB, identity_key: toBase64(own.identity.publicKey) };
    for (const members of [{ ...swapped, kem_key: own.members.kem_key }, swapped]) {
      const unsigned = { ...members, typ: "ek.node", v: 1, hub: stolen.hub };
      const signature = toBase64(own.identity.sign(Buffer.from(canonicalText(unsigned))));
      const text = canonicalText({ ...unsigned, signature });
      await mitm.tell({ do: "answer", path: `/v1/statements/${sha256Hex(text)}`, text });
      const seen = (await a.audit()).length;
      await say({ ...real, statement_sha256: sha256Hex(text) });
      await waitFor("the statement to be refused", async () => {
        const problem = await problemOf(a, nodeB);
        return problem === "statement_invalid" || problem === "statement_of_other";
      });
      assert.ok((await a.audit()).length > seen);
    }

    const count = await watch.stop();
    assert.equal(count.lost, 0, `${count.lost} of ${count.sent} pings were lost`);

    // It can take a peer away, and so it can by giving it another address; it cannot have it traffic of others. These are
    // addresses that would draw other traffic into the tunnel
    for (const [meshIp, cosigned] of [["10.100.0.98", true], ["8.8.8.8", false], [state.mesh_ip, false]] as const) {
      const cosign = cosigned ? real.cosign : await admin.cosign(b, meshIp);
      await say({ ...real, mesh_ip: meshIp, ...cosign === undefined ? {} : { cosign } });
      await waitFor(
        `${meshIp} to be refused`,
        async () => /^(cosign_invalid|address_\w+)$/.test(await problemOf(a, nodeB) ?? ""),
      );
    }
    await say(real);
    await waitFor("the peer to be right again", async () => await problemOf(a, nodeB) === null);

    // keys that the hub knows instead of those that it does not
    const { observers, tls_spki } = state;
    await thief.event("hub_settings", { observers, tls_spki, psk_mode: "hub" });
    await waitFor(
      "the weaker keys to be refused",
      async () => (await a.status()).faults.some(({ code }) => code === "mesh_psk_downgrade"),
    );
    await thief.event("hub_settings", { observers, tls_spki, psk_mode: "end-to-end" });
    await untilTunnelIs(a, before);

    // another address or network of this node itself
    for (const address of [{ mesh_ip: "10.100.0.55" }, { mesh_cidr: "0.0.0.0/1" }]) {
      await refusedWith(a, "E_FORM", () => thief.giveState({ ...state, ...address }));
    }
    await thief.giveWantedState();
    await untilTunnelIs(a, before);
  }
  // all that the thief had applied is on record
  assert.ok((await a.audit()).some(({ event, operation }) => event === "mesh_applied" && operation === "peer_added"));
  await recovered(scene);
  await waitFor("the rogue to be gone", async () => (await a.peers()).every(({ name }) => name !== "rogue"));
  assert.equal((await a.status()).peers.refused, 0);
};

/** The signing key alone: what it says counts until a recovery that the admin signed; then nothing of it does. */
export const withTheSigningKey: Attack<CosignedScene> = async (scene) => {
  const { world, a } = scene;
  await unharmed(scene, async () => {
    {
      await using thief = await Thief.takeOver(world, a);
      // a next key of his own: a planned rotation is no cure for theft
      const next = signingKeyOf(newSeed());
      const { tls_spki } = await thief.state();
      const link = sealObject("ek.keylink", thief.stolen.hub, {
        ...{ key_index: thief.stolen.keyIndex + 1, signing_key: toBase64(next.publicKey), tls_spki },
        issued_at: meshTime(Date.now() * 1000),
      }, thief.stolen.key);
      await thief.event("signing_key_rotated", { link });
      await waitFor(
        "the thief's key to be followed",
        async () => (await a.status()).hub.keyIndex === thief.stolen.keyIndex + 1,
      );
    }
    await recovered(scene);
  });
  const { hub } = await a.status();
  const stolen = world.stealHub();
  assert.equal(hub.keySha256, sha256Hex(stolen.key.publicKey));
  assert.ok((await a.audit()).some(({ event, operation }) => event === "mesh_hub_key" && operation === "ek.recover"));
};

/** What was signed by a key from before a recovery. */
export const withAnOldKey: Attack<CosignedScene> = async (scene) => {
  const { world, world: { mitm }, a, b, admin } = scene;
  const old = world.stealHub();
  await admin.recover();
  await untilFollowing(a);
  const node = await a.nodeId();
  const { position } = await a.status();
  await unharmed(scene, async () => {
    await refusedWith(a, "E_KEY", async () => {
      const data = old.forge({
        ...{ audience: node, type: "peer_removed", payload: { peer_id: await b.nodeId() } },
        ...{ epoch: position.epoch, sequence: position.sequence + 1, replyTo: mitm.streams(node).at(-1) ?? newNonce() },
      });
      await mitm.tell({ do: "inject", node, data });
    });
    await untilFollowing(a);
  });
};

/** Signed events of features that this version does not have: nothing happens but a note. */
export function withUnknownEvents(events: readonly (readonly [type: string, payload: Record<string, unknown>])[]) {
  const attack: Attack<CosignedScene> = async (scene) => {
    const { world, a } = scene;
    // without the columns that say how much waits to be read
    const listening = async () =>
      (await a.machine.ok("ss", ["-H", "-ltnu"])).split("\n").map((line) => line.replace(/ \d+ +\d+ /, " ")).toSorted()
        .join("\n");
    const [ports, marker] = [await listening(), "/tmp/edgekeep-mesh-executed"];
    await unharmed(scene, async () => {
      await using thief = await Thief.takeOver(world, a);
      const { unknown } = (await a.status()).hub.following;
      for (const [index, [type, payload]] of events.entries()) {
        await thief.event(type, payload);
        assert.equal((await a.status()).hub.following.unknown, unknown + index + 1);
        // it asks for its state, since something that it does not know may have changed it
        await thief.giveWantedState();
      }
    });
    const records = (await a.audit()).filter(({ event }) => event === "mesh_applied").map(({ operation }) => operation);
    for (const [type] of events) assert.ok(records.includes(type), type);
    assert.equal(await listening(), ports);
    await assert.rejects(Deno.stat(marker), Deno.errors.NotFound);
    await recovered(scene);
  };
  return attack;
}

/** A node that joined with a token of the hub, which nobody co-signed; then co-signed; then revoked. */
export const withoutCosignature: Attack<CosignedScene> = async ({ world, a, b, admin }) => {
  const c = await world.join(`c${crypto.randomUUID().slice(0, 4)}`);
  const nodeC = await c.nodeId();
  for (const agent of [a, b]) await untilRefused(agent, nodeC, "not_cosigned");
  assert.ok(!(await c.machine.reaches(await a.meshIp())));
  // root of that box alone can do without: c asks for co-signatures, too
  assert.equal((await c.status()).cosign, true);
  await admin.cosign(c);
  await world.untilAllReach([a, b, c]);
  await admin.revoke([nodeC]);
  for (const agent of [a, b]) await untilRefused(agent, nodeC, "revoked");
  await waitFor(
    "the revoked one to reach nobody",
    async () => !(await c.machine.reaches(await a.meshIp())) && !(await c.machine.reaches(await b.meshIp())),
  );
  for (const agent of [a, b]) {
    await waitFor("the revoked one to be gone", async () => (await tunnelOf(agent)).length === 1);
  }
  await c.stop();
  await world.hub.call("hub.node.remove", { node: nodeC });
};
