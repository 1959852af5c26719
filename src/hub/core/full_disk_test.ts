import assert from "node:assert/strict";
import { HubRefusal } from "../../mesh/hub_admin.ts";
import { toBase64 } from "../../mesh/encoding.ts";
import { HubWorld, SimulatedNode } from "../../../tests/lib/hub_world.ts";
import { requires } from "../../../tests/lib/requires.ts";
import { fillDisk, withSmallDisk } from "../../../tests/lib/small_disk.ts";
import { HubRequestRefused } from "../hub_core.ts";

Deno.test({
  name: "on a full disk the hub goes on signing what is stored, promises nothing new, and recovers with the space",
  ...requires("root"),
  fn: () =>
    withSmallDisk("size=2m", async ({ dir }) => {
      await using world = await HubWorld.open({}, `${dir}/hub`);
      const { core, admin } = world;
      const [a, b] = [world.join("a"), world.join("b")];
      a.follow();
      const token = world.token(100);
      const c = new SimulatedNode(world, "c");
      c.statement = c.statementOf(1);
      const give = await fillDisk(dir);
      const before = [core.position(a.id), core.position(b.id), admin.tokens(), admin.policy(), admin.keys()];
      const full = (error: unknown) =>
        error instanceof HubRequestRefused
          ? error.code === "store_unavailable" && error.status === 503
          : error instanceof HubRefusal &&
            error.code === "unavailable";
      // the log may have some room left: fill it until the disk refuses
      let joined = 0;
      assert.throws(() => {
        for (; joined < 1000; joined++) {
          core.putEndpoints(b.id, [{ kind: "lan", address: `192.168.${joined % 250}.1:${1024 + joined}` }]);
        }
      }, full);
      const held = [core.position(a.id), core.position(b.id)];
      assert.throws(() => core.register(c.registerText(token), "192.0.2.1"), full);
      assert.throws(() => core.rotate(a.id, a.statementOf(2).text), full);
      assert.throws(() => admin.rotateSigningKey("anna"), full);
      assert.throws(() => admin.rename("b", "b2"), full);
      assert.throws(() => admin.remove("b", "anna"), full);
      assert.throws(() => admin.setPolicy([], 0, "anna"), full);
      assert.throws(() => admin.rotateTlsKey(true, "anna"), full);
      assert.throws(() => admin.setAdminKey(toBase64(c.identity.publicKey), "anna"), full);
      assert.deepEqual([core.firstSeen("one", world.clock.nowUs()), core.firstSeen("one", world.clock.nowUs())], [
        true,
        false,
      ]);
      world.pass(10);
      assert.deepEqual(world.faults.list().map(({ code }) => code), ["hub_store_failed"]);
      // memory is as the disk has it
      assert.deepEqual([core.position(a.id), core.position(b.id)], held);
      assert.deepEqual([admin.tokens(), admin.policy(), admin.keys()], before.slice(2));
      a.follow();
      assert.equal(a.stateSha256, core.position(a.id).stateSha256);
      a.fetchState();
      assert.equal(a.stateSha256, core.position(a.id).stateSha256);
      await give();
      c.join(token);
      a.follow();
      b.follow();
      for (const node of [a, b, c]) assert.equal(node.stateSha256, core.position(node.id).stateSha256);
      assert.deepEqual(world.faults.list(), []);
      const positions = [a, b, c].map(({ id }) => core.position(id));
      await world.restart();
      assert.deepEqual([a, b, c].map(({ id }) => world.core.position(id)), positions);
    }),
});
