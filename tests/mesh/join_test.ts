import assert from "node:assert/strict";
import { requires } from "../lib/requires.ts";
import { MeshWorld } from "./kit/mesh_world.ts";

Deno.test({
  name: "A machine that joins is reached by ping, through a tunnel with a key that only the two know",
  ...requires("network-namespaces", "wireguard-go", "nft", "ping", "wg"),
  async fn() {
    await using world = await MeshWorld.create();
    const first = await world.join("first");
    const second = await world.newAgent("second");
    await second.joinWith(await world.hub.token());
    const { meshIp } = await first.status();
    await second.run();
    await world.untilReaches(second, first);
    await world.untilReaches(first, second);
    const [peer] = await second.peers();
    assert.equal(peer?.meshIp, meshIp);
    const [[, presharedKey = "", , allowedIps] = []] = await second.wireGuard();
    assert.equal(allowedIps, `${meshIp}/32`);
    assert.match(presharedKey, /^[A-Za-z0-9+/]{43}=$/);
    assert.equal((await first.wireGuard())[0]?.[1], presharedKey);
  },
});
