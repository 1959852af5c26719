import assert from "node:assert/strict";
import { HubWorld } from "../../../tests/lib/hub_world.ts";
import { pskLeader } from "../../mesh/psk.ts";
import { sealObject } from "../../mesh/signed_object.ts";

const dayMs = 86_400_000;

for (const [what, jumpMs] of [["back", -dayMs], ["forward", dayMs]] as const) {
  Deno.test(`a hub whose clock jumps ${what} by a day goes on with mail, observations and relays`, async () => {
    await using world = await HubWorld.open();
    const [one, other] = [world.join("a"), world.join("b")];
    const [a, b] = pskLeader(one.id, other.id) === one.id ? [one, other] : [other, one];
    const [key] = world.core.wireguardKeys(a.id);
    assert.ok(key !== undefined);
    const commit = (epoch: number) =>
      sealObject(
        "ek.psk_commit",
        world.core.hubId,
        { from: a.id, to: b.id, psk_epoch: epoch, offer_sha256: "0".repeat(64) },
        a.identity,
      );
    for (let n = 1; n <= 12; n++) world.core.mail(a.id, b.id, commit(n));
    world.core.observed(key, 0, "198.51.100.7:4000", new Uint8Array(12).fill(1));
    for (const node of [a, b]) world.core.streamOpened(node.id);
    const beats = () => {
      a.beat({ peers: [a.link(b, "none")] });
      b.beat({ peers: [b.link(a, "none")] });
    };
    beats();

    world.clock.set(jumpMs);
    world.pass(6);
    a.follow();
    assert.ok(a.types().includes("endpoint_observed"), "one observer alone is answered");
    world.core.mail(a.id, b.id, commit(13));
    world.core.observed(key, 0, "198.51.100.7:4000", new Uint8Array(12).fill(2));
    world.core.observed(key, 1, "198.51.100.7:4000", new Uint8Array(12).fill(2));
    world.pass(10);
    world.core.observed(key, 0, "198.51.100.7:4000", new Uint8Array(12).fill(3));
    world.core.observed(key, 1, "198.51.100.7:4000", new Uint8Array(12).fill(3));
    a.follow();
    assert.ok(a.types().includes("endpoint_observed"), "the next look is answered");
    beats();
    world.pass(22);
    assert.equal(world.relay.sessions.size, 1, "who has no way is relayed");
    for (const node of [a, b]) {
      node.follow();
      assert.equal(node.stateSha256, world.core.position(node.id).stateSha256);
    }
  });
}
