import assert from "node:assert/strict";
import fc from "fast-check";
import { FollowWorld, otherNode, ScriptedHub, type StreamScript } from "../../../tests/lib/follow_world.ts";
import { requires } from "../../../tests/lib/requires.ts";
import { fillDisk, withSmallDisk } from "../../../tests/lib/small_disk.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { newNonce } from "../../mesh/encoding.ts";
import { signingKeyOf } from "../../mesh/keys.ts";
import { stateSha256 } from "../../mesh/state.ts";
import { AgentFileError } from "../files/agent_file_error.ts";

const mail = (number: number) => ({ message: `mail ${number}` });
const numbersOf = (world: FollowWorld) =>
  world.done.flatMap((event) => event.type === "peer_mail" ? [Number(event.payload.message.slice(5))] : []);
const refusals = (world: FollowWorld) => world.audit.of("mesh_refused").map(({ rule }) => rule);

Deno.test("every event is applied once and in order, live and after a restart", async () => {
  await using world = await FollowWorld.create();
  const { hub } = world;
  for (let i = 1; i <= 3; i++) hub.happen("peer_mail", mail(i));
  await world.start();
  // the state at the start stands for what was before
  await waitFor("the follower to be in step", () => world.follower.status().connected);
  assert.deepEqual(numbersOf(world), []);
  for (let i = 4; i <= 6; i++) {
    hub.happen("peer_mail", mail(i));
    world.push(hub.seal("peer_mail", mail(i), { audience: world.audience, replyTo: world.nonce }));
  }
  await waitFor("three messages", () => numbersOf(world).length === 3);
  await world.stop();
  await world.start();
  await waitFor("the follower to be in step again", () => world.follower.status().connected);
  assert.deepEqual(numbersOf(world), [4, 5, 6]);
  assert.equal(world.followed.position.sequence, 6);
});

type Trick =
  | "next"
  | "next"
  | "gap"
  | "replay"
  | "same stream again"
  | "other stream"
  | "other node"
  | "forged"
  | "truncated"
  | "not canonical"
  | "old"
  | "aged";

/** A stream of what an attacker can make of a hub's messages, ended by the attacker. */
function hostile(world: FollowWorld, tricks: readonly Trick[], seen: string[]): StreamScript {
  return function* (replyTo) {
    const { hub, audience } = world;
    yield hub.tick(audience, replyTo);
    for (const trick of tricks) {
      if (trick === "next" || trick === "gap") {
        if (trick === "gap") hub.happen("peer_mail", mail(hub.sequence + 1));
        hub.happen("peer_mail", mail(hub.sequence + 1));
      }
      const { sequence } = hub;
      const text = hub.seal("peer_mail", mail(sequence), { audience, replyTo });
      const ahead = (about: Partial<Parameters<ScriptedHub["seal"]>[2]>) =>
        hub.seal("peer_mail", mail(900 + sequence), { audience, replyTo, sequence: sequence + 1, ...about });
      const made = {
        next: () => text,
        gap: () => text,
        replay: () => seen.at(-1) ?? text,
        "same stream again": () => text,
        "other stream": () => ahead({ replyTo: newNonce() }),
        "other node": () => ahead({ audience: otherNode }),
        forged: () => ahead({ key: signingKeyOf(new Uint8Array(32).fill(66)) }),
        truncated: () => text.slice(0, -9),
        "not canonical": () => ` ${text}`,
        old: () => hub.seal("peer_mail", mail(1), { audience, replyTo, sequence: 1 }),
        aged: () => ahead({ issuedUs: (Date.now() - 3_600_000) * 1000 }),
      }[trick]();
      seen.push(made);
      yield made;
    }
  };
}

Deno.test("whatever is cut, replayed, reordered, re-addressed or forged is never applied twice or out of order", async () => {
  const trick = fc.constantFrom<Trick>(
    "next",
    "next",
    "gap",
    "replay",
    "same stream again",
    "other stream",
    "other node",
    "forged",
    "truncated",
    "not canonical",
    "old",
    "aged",
  );
  const streams = fc.array(
    fc.record({ tricks: fc.array(trick, { maxLength: 12 }), restart: fc.boolean() }),
    { minLength: 1, maxLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(streams, async (streams) => {
      await using world = await FollowWorld.create();
      const seen: string[] = [];
      let reached = 0;
      world.hub.happen("peer_mail", mail(1));
      for (const { tricks, restart } of streams) {
        world.scripts.push(hostile(world, tricks, seen));
        if (restart) await world.stop();
        if (restart || world.follower === undefined) await world.start();
        else world.follower.refetch();
        const { hub } = world;
        await waitFor(
          "the follower to catch up",
          () =>
            world.scripts.length === 0 && world.follower.status().connected &&
            world.followed.position.sequence === hub.sequence,
        );
        assert.ok(world.followed.position.sequence >= reached);
        reached = world.followed.position.sequence;
      }
      const numbers = numbersOf(world);
      assert.deepEqual(numbers, [...new Set(numbers)].toSorted((a, b) => a - b), "in order, each once");
      assert.ok(numbers.every((number) => number < 900), "nothing that was made up");
    }),
    { numRuns: 40, endOnFailure: true },
  );
});

Deno.test("a hub that was restored from a backup is refused, until root accepts it", async () => {
  await using world = await FollowWorld.create();
  const { hub } = world;
  for (let i = 1; i <= 5; i++) hub.happen("peer_mail", mail(i));
  await world.start();
  await waitFor("the follower to be in step", () => world.follower.status().connected);
  await world.stop();
  hub.sequence = 2;
  hub.events = hub.events.slice(0, 2);
  const states = world.states.length;
  await world.start();
  await waitFor("the refusal", () => world.faults.list().some(({ code }) => code === "hub_rolled_back"));
  assert.equal(world.followed.position.sequence, 5);
  assert.equal(world.states.length, states, "nothing of it was acted on");
  assert.ok(refusals(world).includes("hub_rolled_back"));

  await world.ring.acceptAnyPosition(true);
  world.follower.refetch();
  await waitFor("the older history", () => world.follower.status().connected);
  assert.equal(world.followed.position.sequence, 2);
  assert.deepEqual(world.faults.list(), []);
  assert.equal(world.ring.trust.accept_any_position, false, "it counts once");
});

Deno.test("a second hub with the same key shows itself by another state at the same position", async () => {
  await using world = await FollowWorld.create();
  const { hub } = world;
  await world.start();
  await waitFor("the follower to be in step", () => world.follower.status().connected);
  const twin = { ...hub.state, policy: { rules: [] }, psk_mode: "hub" as const };
  world.push(hub.seal("tick", { state_sha256: stateSha256(twin) }, { audience: world.audience, replyTo: world.nonce }));
  await waitFor("the refusal", () => world.faults.list().some(({ code }) => code === "hub_forked"));
  assert.ok(refusals(world).includes("hub_forked"));
});

Deno.test("a recovery that the admin signed is followed, one of somebody else is not", async () => {
  await using world = await FollowWorld.create();
  const { hub } = world;
  await world.start();
  await waitFor("the follower to be in step", () => world.follower.status().connected);
  hub.recover(40, signingKeyOf(new Uint8Array(32).fill(41)));
  world.follower.refetch();
  await world.stop();
  await world.start();
  await waitFor("the refusal", () => world.follower.status().problem?.code === "E_KEY");
  assert.equal(world.followed.position.epoch, 1);

  hub.recover(42);
  await waitFor("the recovery", () => world.follower.status().connected);
  assert.deepEqual([world.followed.position.epoch, world.ring.trust.recovered_epoch], [3, 3]);
});

Deno.test("links to further signing keys are found after an absence and taken in order", async () => {
  await using world = await FollowWorld.create();
  const { hub } = world;
  hub.rotate(21);
  hub.rotate(22);
  await world.start();
  await waitFor("the follower to be in step", () => world.follower.status().connected);
  assert.equal(world.ring.trust.key_index, 2);
});

Deno.test("a key that was linked on the stream signs what follows it", async () => {
  await using world = await FollowWorld.create();
  const { hub, audience } = world;
  await world.start();
  await waitFor("the follower to be in step", () => world.follower.status().connected);
  const before = { key: hub.key, index: hub.keyIndex };
  const link = hub.rotate(23);
  [hub.key, hub.keyIndex] = [before.key, before.index];
  hub.happen("signing_key_rotated", { link });
  world.push(hub.seal("signing_key_rotated", { link }, { audience, replyTo: world.nonce }));
  [hub.key, hub.keyIndex] = [signingKeyOf(new Uint8Array(32).fill(23)), 1];
  hub.happen("peer_mail", mail(7));
  world.push(hub.seal("peer_mail", mail(7), { audience, replyTo: world.nonce }));
  await waitFor("the message", () => numbersOf(world).length === 1);
  assert.deepEqual([world.ring.trust.key_index, world.streams], [1, 1]);
});

Deno.test("what a full disk kept from being done after the position was written is made up for by the state", async () => {
  await using world = await FollowWorld.create();
  const { hub, audience, folder } = world;
  await world.start();
  await waitFor("the follower to be in step", () => world.follower.status().connected);
  const { write } = folder.trust;
  folder.trust.write = () => {
    folder.trust.write = write;
    return Promise.reject(new AgentFileError("unwritable", folder.trust.path, "Cannot write: no space"));
  };
  const pins = ["1".repeat(64)];
  const settings = { tls_spki: pins, psk_mode: "hub" as const, observers: [] };
  hub.happen("hub_settings", settings);
  world.push(hub.seal("hub_settings", settings, { audience, replyTo: world.nonce }));
  await waitFor("the settings to be handed on", () => world.states.at(-1)?.psk_mode === "hub");
  assert.deepEqual([world.ring.trust.tls_spki, world.followed.position.sequence], [pins, 1]);
});

Deno.test("an event of a newer version advances the position and has the state fetched", async () => {
  await using world = await FollowWorld.create();
  const { hub, audience } = world;
  await world.start();
  await waitFor("the follower to be in step", () => world.follower.status().connected);
  const fetched = world.stateFetches;
  hub.sequence++;
  world.push(hub.seal("newer_thing" as "rotate_keys", {}, { audience, replyTo: world.nonce }));
  await waitFor("the state", () => world.stateFetches > fetched);
  await waitFor("the follower to be in step again", () => world.follower.status().connected);
  assert.deepEqual([world.follower.status().unknown, world.followed.position.sequence], [1, 1]);
});

Deno.test("a stream without ticks is given up and opened anew", async () => {
  await using world = await FollowWorld.create();
  world.tickTimeoutMs = 100;
  await world.start();
  await waitFor("a third stream", () => world.streams >= 3);
});

for (const [what, aheadMs] of [["ahead", 86_400_000], ["behind", -86_400_000]] as const) {
  Deno.test(`a hub whose clock is a day ${what} of this machine's is followed all the same`, async () => {
    await using world = await FollowWorld.create();
    world.hub.aheadUs = aheadMs * 1000;
    world.hub.happen("peer_mail", mail(1));
    await world.start();
    await waitFor("the follower to be in step", () => world.follower.status().connected);
    world.hub.happen("peer_mail", mail(2));
    world.push(world.hub.seal("peer_mail", mail(2), { audience: world.audience, replyTo: world.nonce }));
    await waitFor("the message", () => numbersOf(world).length === 1);
    // the hub's clock is set: the stream is opened anew, and what it sends counts again
    world.hub.aheadUs = 0;
    world.hub.happen("peer_mail", mail(3));
    world.push(world.hub.seal("peer_mail", mail(3), { audience: world.audience, replyTo: world.nonce }));
    await waitFor("the next message", () => numbersOf(world).join() === "2,3");
    assert.ok(refusals(world).includes("E_AGE"));
  });
}

Deno.test("a start without the hub knows the removed peer, though the stored state is older", async () => {
  await using world = await FollowWorld.create();
  const { hub, audience } = world;
  const peer = {
    node_id: otherNode,
    name: "gone",
    mesh_ip: "10.100.0.9",
    statement_sha256: "a".repeat(64),
    endpoints: [],
    psk_hub: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    psk_hub_id: 1,
  };
  hub.happen("peer_added", { peer });
  await world.start();
  await waitFor("the follower to be in step", () => world.follower.status().connected);
  hub.happen("peer_removed", { peer_id: otherNode });
  world.push(hub.seal("peer_removed", { peer_id: otherNode }, { audience, replyTo: world.nonce }));
  await waitFor("the removal", () => world.followed.state?.peers.length === 0);
  await world.stop();
  assert.equal((await world.folder.state.read())?.state.peers.length, 1, "the stored state is the one before");
  hub.down = true;
  await world.start();
  assert.deepEqual(world.followed.state?.peers, []);
  assert.equal(world.followed.sha256, stateSha256(hub.state));
});

Deno.test({
  name: "on a full disk nothing is applied and nothing is lost: it goes on where there is space again",
  ...requires("root"),
  async fn() {
    await withSmallDisk("size=512k", async ({ dir }) => {
      const world = await FollowWorld.create(new ScriptedHub(), { dir: `${dir}/agent` });
      try {
        const { hub, audience } = world;
        await world.start();
        await waitFor("the follower to be in step", () => world.follower.status().connected);
        const free = await fillDisk(dir);
        hub.happen("peer_mail", mail(1));
        world.push(hub.seal("peer_mail", mail(1), { audience, replyTo: world.nonce }));
        await waitFor("the fault", () => world.faults.list().some(({ code }) => code === "mesh_storage_failed"));
        assert.deepEqual([numbersOf(world), world.followed.position.sequence], [[], 0]);
        await free();
        await waitFor("the follower to be in step again", () => world.follower.status().connected);
        await waitFor("the message", () => numbersOf(world).length === 1);
        assert.deepEqual(world.faults.list(), []);
      } finally {
        await world[Symbol.asyncDispose]();
      }
    });
  },
});
