import assert from "node:assert/strict";
import { WorldKeys } from "../../../tests/lib/peer_world.ts";
import { nodeIdOf } from "../../mesh/ids.ts";
import { newSeed, signingKeyOf } from "../../mesh/keys.ts";
import { OwnRotation } from "./own_rotation.ts";

const nowUs = 1_900_000_000_000_000;
const peer = nodeIdOf(signingKeyOf(newSeed()).publicKey);

Deno.test("what the hub says of another statement's key switches nothing", async () => {
  for (const [told, switches] of [["late", false], ["next", true], ["unsaid", true]] as const) {
    const keys = await WorldKeys.create();
    const rotation = new OwnRotation({
      keys,
      rotate: () => Promise.resolve(),
      rotateCommit: () => Promise.resolve(),
      refusedForGood: () => false,
      hubUs: () => nowUs,
      serial: (step) => step(),
      tell: () => {},
    });
    const peers = [{ nodeId: peer, ageMs: 1000 }];
    rotation.want();
    await rotation.step(peers, 0);
    await rotation.stop();
    const next = keys.next?.statement.sha256;
    assert.ok(next !== undefined);
    assert.equal(await rotation.step(peers, 1000), false);
    const statements = { late: keys.tunnel.statement.sha256, next, unsaid: undefined };
    rotation.readyAre([peer], statements[told]);
    assert.equal(await rotation.step(peers, 2000), switches, told);
    assert.equal(keys.next?.switched, switches, told);
    await rotation.stop();
  }
});
