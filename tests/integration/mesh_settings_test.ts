import assert from "node:assert/strict";
import { hubSchema } from "../../src/config/mesh_schema.ts";
import { HubWatch } from "../../src/agent/run/hub_watch.ts";
import { hubAddress } from "../../src/roles/hub_address.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { HubProcess } from "../lib/hub_process.ts";
import { HubWorld } from "../lib/hub_world.ts";

const DAY_S = 86_400;
const faults = () => new FaultBoard(() => Date.now() * 1000);

Deno.test("[hub].key_rotation_days: a node's key is asked for anew when it is so old, and never with 0", async () => {
  for (const [rotateDays, asked] of [[2, true], [0, false]] as const) {
    await using world = await HubWorld.open({ rotateDays });
    const node = world.join("pumps");
    // a node that nobody can tell anything is not asked
    world.core.streamOpened(node.id);
    world.clock.set(3 * DAY_S * 1000);
    for (let hour = 0; hour < 48; hour++) {
      world.clock.set(3_600_000);
      world.hub.look();
    }
    const events = world.core.eventsAfter(node.id, node.epoch, node.sequence, 256) ?? [];
    assert.equal(events.some(({ eventType }) => eventType === "rotate_keys"), asked, `${rotateDays} days`);
  }
});

Deno.test("[hub].address is where agents are told to find observers, the host of url without it", async () => {
  const hub = (change: Record<string, unknown>) => hubSchema.parse(change);
  const url = "https://127.0.0.1:8443";
  assert.equal(await hubAddress(hub({ url, address: "192.0.2.9" }), faults()), "192.0.2.9");
  assert.equal(await hubAddress(hub({ url }), faults()), "127.0.0.1");
  assert.equal(await hubAddress(hub({ url: "https://[2001:db8::1]:8443" }), faults()), "2001:db8::1");
  assert.equal(await hubAddress(hub({}), faults()), null);
  assert.equal(await hubAddress(hub({ url: "https://localhost:8443" }), faults()), "127.0.0.1");
  const board = faults();
  assert.equal(await hubAddress(hub({ address: "no-such-host.invalid" }), board), null);
  assert.deepEqual(board.list().map(({ code }) => code), ["hub_address_unknown"]);
});

Deno.test("[hub].address of a hub that runs is in what it tells", async () => {
  await using hub = await HubProcess.start('address = "192.0.2.9"\n');
  const { hub: told } = await hub.status(await hub.token("viewer"));
  assert.deepEqual(told.observers, hub.ports.observers.map((port) => `192.0.2.9:${port}`));
});

Deno.test("[agent].max_offline_hours: the tunnels end when the hub was away for so long", () => {
  let nowMs = 0;
  const watch = new HubWatch({
    faults: faults(),
    maxOfflineMs: 3_600_000,
    offlineMsAtStart: 1_800_000,
    timeFloorUs: 0,
    nowUs: () => Date.now() * 1000,
    monotonicMs: () => nowMs,
  });
  assert.equal(watch.holdsDown, false);
  const away = { connected: false, lastHeardMs: null, problem: null } as unknown as Parameters<HubWatch["look"]>[0];
  nowMs = 1_799_999;
  watch.look(away);
  assert.equal(watch.holdsDown, false);
  nowMs = 1_800_000;
  watch.look(away);
  assert.equal(watch.holdsDown, true);
  watch.look({ ...away, connected: true, lastHeardMs: 0 });
  assert.equal(watch.holdsDown, false);
});
