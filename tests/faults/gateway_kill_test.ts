import assert from "node:assert/strict";
import { type GatewayProcess, startGatewayProcess } from "../lib/gateway_process.ts";
import { site, startSimulatedField } from "../lib/site.ts";
import { waitFor } from "../lib/wait_for.ts";

/** Samples sent in one life of the gateway; more than ChirpStack retains, so that a replay cannot hide a loss. */
const SENT_PER_LIFE = 40;
const LIVES = 3;

/** Values of the tag that the history holds, oldest first, read through the gateway's API. */
async function stored(gateway: GatewayProcess, tag: string): Promise<number[]> {
  const answer = await fetch(`${gateway.webUrl}/api/v1/history?tag=${encodeURIComponent(tag)}&limit=100000`);
  const { samples } = await answer.json() as { samples: { value: number }[] };
  return samples.map(({ value }) => value);
}

Deno.test("a gateway killed at any moment starts again with every sample that was in its history", async () => {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-kill-" });
  const simulator = await startSimulatedField(1);
  const [probe] = simulator.devices;
  assert.ok(probe);
  const tag = `${probe.devEui}/Soil conductivity`;
  const place = site({ folder, chirpstackUrl: simulator.url, devices: [probe] });
  let sent = 0;
  let gateway: GatewayProcess | undefined;
  try {
    for (let life = 0; life < LIVES; life++) {
      const before: number = sent;
      gateway = await startGatewayProcess(place);
      const running = gateway;
      const kept = await waitFor("the history of the lives before", async () => {
        const values = await stored(running, tag);
        return values.length >= before ? values : null;
      });
      assert.deepEqual(kept, Array.from({ length: before }, (_, n) => n + 1), gateway.output());
      await waitFor("the stream", async () => (await running.status()).sources[0]?.devicesStreaming === 1);
      while (sent < before + SENT_PER_LIFE) {
        simulator.sendUplink(probe.devEui, { conduct_SOIL: ++sent });
        // a round trip between two samples spreads them over several commits
        await running.status();
      }
      // all but what ChirpStack would replay is in the file before the plug is pulled
      await waitFor("all samples", async () => (await stored(running, tag)).length === sent);
      await waitFor("the commits", async () => (await running.status()).history.rowsPending < 10);
      await gateway.end("SIGKILL");
    }
    gateway = await startGatewayProcess(place);
    const running = gateway;
    const values = await waitFor("the whole history", async () => {
      const found = await stored(running, tag);
      return found.length >= sent ? found : null;
    });
    assert.deepEqual(values, Array.from({ length: sent }, (_, n) => n + 1));
    const { history, faults } = await running.status();
    assert.deepEqual(faults.filter(({ code }) => code.startsWith("history")), []);
    await waitFor("the integrity check", async () => (await running.status()).history.integrity === "ok");
    assert.ok(history.series > 0);
    assert.equal(await gateway.end("SIGTERM"), 0);
  } finally {
    await gateway?.end("SIGKILL");
    await simulator.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
